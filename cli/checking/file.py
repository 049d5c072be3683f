"""A check written to a file: a page with the whole record, or JSON."""

from __future__ import annotations

from pathlib import Path

from g2.cli.checking import json
from g2.cli.checking.found import Checked
from g2.cli.errors import Refusal, say
from g2.cli.files import write_report

SUFFIXES = (".html", ".json")


def written(path: Path, found: Checked) -> None:
    """Write it in the form that the file's ending says. Raises Refusal when it cannot be written."""
    text = json.render(found.check) if path.suffix == ".json" else _page(found)
    try:
        write_report(path, text)
    except OSError as error:
        raise Refusal(f"{path} cannot be written: {error.strerror or error}", "g2 show -o FILE tries again") from None
    say(f"g2: the report is in {path}")


def _page(found: Checked) -> str:
    from dataclasses import replace

    from g2.cli.look import output_for
    from g2.cli.views.html import render
    from g2.explain.findings import report

    return render(report(found.session), replace(output_for(None), check=found.check))
