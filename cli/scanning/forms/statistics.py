"""How many places there are of each reason."""

from __future__ import annotations

from g2.cli.scanning.result import Result
from g2.cli.scanning.words import notes, summary
from g2.cli.views import Output
from g2.explain.catalog import everything
from g2.explain.scan.model import Sureness


def render(result: Result, output: Output) -> str:
    """A table: places, how many of them are sure, reason and what it is; the most frequent first."""
    rows: dict[str, list[int]] = {}
    for sighting in result.shown:
        row = rows.setdefault(sighting.reason, [0, 0])
        row[0] += 1
        row[1] += sighting.sureness is Sureness.SURE
    lines = [summary(result), *notes(result)]
    if rows:
        width = max(map(len, rows))
        lines += ["", f"{'places':>7} {'sure':>6}  reason"]
        for slug, (number, sure) in sorted(rows.items(), key=lambda row: (-row[1][0], row[0])):
            title = everything()[slug].title if slug in everything() else ""
            line = f"{number:>7,} {sure:>6,}  {slug:<{width}}  {title}"
            lines.append(line if len(line) <= output.width else line[: output.width - 3].rstrip() + "...")
    return "\n".join(lines) + "\n"
