"""Proposals that set options: one alone, or several together where one alone is refused."""

from __future__ import annotations

from collections.abc import Iterator

from g2.rewrite.model import Left, Proposal, Safety
from g2.rewrite.rules._options import options_edit
from g2.rewrite.site import Site


def setting(site: Site, caveat: str = "", **options: object) -> Iterator[Proposal | Left]:
    """One proposal that sets all of these options; Left where they are set, or there is no file to set them in."""
    edits = options_edit(site, options)
    if isinstance(edits, Left):
        yield edits
        return
    names = " and ".join(options)
    yield Proposal(
        rule="",
        summary=f"Dynamo's options {names} are set" if len(options) > 1 else f"Dynamo's option {names} is set",
        safety=Safety.ASK if caveat else Safety.SAFE,
        files=(edits,),
        caveat=caveat,
    )
