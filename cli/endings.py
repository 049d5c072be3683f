"""The form that the ending of a file's name asks for."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from g2.cli.errors import Refusal
from g2.cli.views import format_for, formats, view


def form_of_file(name: str, known: Collection[str]) -> str:
    """The one of the `known` forms whose ending `name` has; plain text for a name without one.

    Raises Refusal for an ending that none of them has: a program that reads such files could make nothing of plain
    text.
    """
    form = format_for(name)
    if form in known:
        return str(form)
    ending = Path(name).suffix
    if form is None and not ending:
        return "terminal"
    endings = [end for other in formats() if other in known for end in view(other).SUFFIXES]
    raise Refusal(
        f"no form of this report has the ending {ending or Path(name).name} of {name}; "
        f"the endings are {', '.join(endings)}",
        "--format FORMAT chooses the form whatever the file's name",
    )
