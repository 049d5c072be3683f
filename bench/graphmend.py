"""GraphMend's families: python bench/graphmend.py [--out FILE] [NAME...], where transformers 4.52.4 is installed.

The programs of bench/graphmend/ have tiny configurations and random weights and load nothing. Each is copied into a
folder of its own and recorded there; `g2 fix --apply --unsafe` uses that record and writes a patch pack; then the
program is run again plainly and recorded anew. Events are breaks as often as they happened, after-effects left out;
places are the lines with such a break, those that hide behind others among them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fix import Bench

_PROGRAMS = Path(__file__).parent / "graphmend"


@dataclass(frozen=True)
class Family:
    """One program, before and after. A place is "FILE:LINE reason"; `left` has the reasons why nothing was offered."""

    name: str
    events: tuple[int, int]
    before: tuple[str, ...]
    after: tuple[str, ...]
    same: bool  # the program's own output and exit code
    offers: tuple[str, ...]
    left: tuple[tuple[str, tuple[str, ...]], ...]
    rounds: int
    seconds: float  # of g2 fix
    error: str = ""


def family(script: Path) -> Family:
    """Fix a copy of the program and look at what came of it."""
    with tempfile.TemporaryDirectory(prefix="g2-graphmend-") as folder:
        bench = Bench(script, Path(folder))
        plain, before = bench.plain(), bench.explained()
        told = bench.g2("fix", "--apply", "--unsafe", "--format", "json", script.name)
        if not told.stdout.strip():
            events = _events(before)
            places = _places(before)
            return Family(
                script.stem, (events, events), places, places, False, (), (), 0, told.wall, told.stderr[-400:]
            )
        said = json.loads(told.stdout)
        again, after = bench.plain(), bench.explained()
        return Family(
            script.stem,
            (_events(before), _events(after)),
            _places(before),
            _places(after),
            (again.code, again.stdout) == (plain.code, plain.stdout),
            tuple(f"{offer['rule']} ({offer['safety']})" for offer in said["offers"] if offer["applied"]),
            tuple((_place(one["place"]), tuple(one["why"])) for one in said["alone"]),
            said["rounds"],
            told.wall,
        )


def _causes(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in report["breaks"] if not one["after_effect"]]


def _events(report: dict[str, Any]) -> int:
    return sum(one["count"] for one in _causes(report))


def _places(report: dict[str, Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_place(one) for one in _causes(report)))


def _place(one: dict[str, Any]) -> str:
    return f"{Path(one['span']['path']).name}:{one['span']['line']} {one['reason']}"


def table(rows: Sequence[Family]) -> str:
    """The rows as Markdown, with the sums."""
    lines = [
        "| program | break events | places | output | rounds | seconds | offers |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        same = row.error or ("same" if row.same else "**differs**")
        offers = ", ".join(row.offers) or "none"
        lines.append(
            f"| {row.name} | {row.events[0]} → {row.events[1]} | {len(row.before)} → {len(row.after)} | {same} | "
            f"{row.rounds} | {row.seconds:.0f} | {offers} |"
        )
    before, after = (sum(row.events[side] for row in rows) for side in (0, 1))
    share = f" ({(before - after) / before:.0%})" if before else ""
    lines.append(f"\n{before - after} of {before} break events removed{share}.")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="programs of bench/graphmend; all of them when none is named")
    parser.add_argument("--out", type=Path, help="write what was found as JSON, one program a line")
    asked = parser.parse_args()
    rows = []
    for script in sorted(_PROGRAMS.glob("*.py")):
        if asked.names and script.stem not in asked.names:
            continue
        row = family(script)
        rows.append(row)
        print(f"{row.name}: events {row.events[0]} → {row.events[1]}", flush=True)
        for place in row.after:
            print(f"    kept {place}", flush=True)
        for place, why in row.left:
            print(f"    left {place}: {'; '.join(why)[:300]}", flush=True)
        if asked.out is not None:
            with asked.out.open("a", encoding="utf-8") as out:
                out.write(json.dumps(asdict(row)) + "\n")
    print(table(rows))
    return 0 if all(row.same for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
