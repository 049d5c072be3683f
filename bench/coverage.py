"""The pages about what `g2 fix` removes, from what bench/fix.py found: python bench/coverage.py RESULTS.jsonl...

Writes what stands between the marks of docs/fix-coverage.md and bench/fix.md, `<!-- coverage: NAME -->` and
`<!-- end -->`. Of several results of one program the last counts. bench/judged.json says which places can be removed
by another algorithm alone, and why: a person's judgement.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import ROOT

_TRUTH = ROOT / "fixtures" / "zoo" / "truth.json"
_JUDGED = ROOT / "bench" / "judged.json"
_RECOMPILES = {path.stem.replace("_", "-") for path in (ROOT / "explain" / "recompiles").glob("[a-z]*.py")}
_CODE = 70  # characters of a line of code that a table shows
_WHY = 200
_HEAD = (
    "| program | breaks | graphs | recompiles | output | rounds | runs | wall time | processors | what was applied |",
    "|---|---|---|---|---|---:|---:|---:|---:|---|",
)


@dataclass(frozen=True)
class Site:
    """A place of truth.json and what became of it. `counts`: whether it can be removed without another algorithm."""

    program: str
    place: str
    code: str
    id: str
    outcome: str
    counts: bool


def sites(results: dict[str, dict[str, Any]], judged: dict[str, str]) -> Iterator[Site]:
    """Every site of the practice programs."""
    for program, case in json.loads(_TRUTH.read_text())["cases"].items():
        for site in case["sites"]:
            place = f"{site['file'].removeprefix('cases/')}:{site['line']}"
            outcome, counts = _outcome(program, place, site, results.get(program), judged)
            yield Site(program, place, site["code"], site["gb_id"] or "", outcome, counts)


def _outcome(
    program: str, place: str, site: dict[str, Any], result: dict[str, Any] | None, judged: dict[str, str]
) -> tuple[str, bool]:
    if site["cause"].startswith("after-effect"):
        return "goes away with its cause", False
    if site["gb_id"] is None:
        return "no break: Dynamo itself raises", False
    counts = f"{program} {place}" not in judged
    if result is None or result["error"]:
        return "not measured", counts
    left = [why for where, why in _left(result) if where.partition(" ")[0] == place]
    if not left:
        return "removed", counts
    return (f"left: {_short(left[0])}" if counts else f"only by redesign: {judged[f'{program} {place}']}"), counts


def _left(result: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """The breaks that were left alone, and those that nothing is said about: "file:line reason", why."""
    if not result["after"][0]:  # gone with what was applied elsewhere
        return []
    alone = [(where, why) for where, why in result["alone"] if where.partition(" ")[2] not in _RECOMPILES]
    return alone if len(alone) or not result["kept"] else [(where, []) for where in result["kept"]]


def _behind(results: dict[str, dict[str, Any]], known: list[Site], judged: dict[str, str]) -> Iterator[str]:
    listed = {(one.program, one.place) for one in known}
    for program, result in results.items():
        for where, why in _left(result):
            place, _, reason = where.partition(" ")
            if (program, place) not in listed:
                said = judged.get(f"{program} {place}")
                outcome = f"only by redesign: {said}" if said else f"left: {_short(why)}"
                yield f"| {program} | {place} | {reason} | {outcome} |"


def _short(why: list[str]) -> str:
    text = "; ".join(why).replace("|", "/") or "no rule answers it"
    return text if len(text) <= _WHY else f"{text[: _WHY - 3]}..."


def _row(site: Site) -> str:
    code = site.code if len(site.code) <= _CODE else f"{site.code[: _CODE - 3]}..."
    return f"| {site.program} | {site.place} | `{code}` | {site.id} | {site.outcome} |"


def _line(result: dict[str, Any]) -> str:
    pairs = " | ".join(f"{before} → {after}" for before, after in zip(result["before"], result["after"], strict=True))
    same = f"not measured: {_last(result['error'])}" if result["error"] else _output(result)
    offers = ", ".join(result["offers"]) or "nothing"
    return (
        f"| {result['name']} | {pairs} | {same} | {result['rounds']} | {result['runs']} | "
        f"{result['ratio']:.1f} | {_processors(result)} | {offers} |"
    )


def _output(result: dict[str, Any]) -> str:
    return "same" if result["same"] else "failed before, runs now" if result.get("mended") else "**differs**"


def _processors(result: dict[str, Any]) -> str:
    return f"{result['ratio_cpu']:.1f}" if "ratio_cpu" in result else ""


def _last(error: str) -> str:
    return (error.strip().splitlines() or [""])[-1][:80].replace("|", "/")


def _sum(results: list[dict[str, Any]], key: str, index: int) -> int:
    return sum(result[key][index] for result in results)


def _write(path: Path, **parts: str) -> None:
    """Put each part between its marks. Raises ValueError where the page lacks them."""
    text = path.read_text()
    for name, part in parts.items():
        head, mark, rest = text.partition(f"<!-- coverage: {name} -->\n")
        _, end, tail = rest.partition("<!-- end -->")
        if not mark or not end:
            raise ValueError(f"{path} has no marks for {name}")
        text = f"{head}{mark}\n{part}\n\n{end}{tail}"
    path.write_text(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", type=Path)
    parser.add_argument("--taken", required=True, help='when and where: "2026-11-22, Linux x86_64, 2 cores, ..."')
    asked = parser.parse_args()
    lines = [line for path in asked.results for line in path.read_text().splitlines()]
    results = {result["name"]: result for result in map(json.loads, lines)}
    judged = json.loads(_JUDGED.read_text())
    found = list(sites(results, judged))
    counted = [one for one in found if one.counts]
    removed = sum(one.outcome == "removed" for one in counted)
    measured = sum(one.outcome != "not measured" for one in counted)
    share = f"{removed} of {measured} ({removed / max(measured, 1):.0%})"
    every = removed, measured + sum(not one.counts and one.outcome.startswith("only by") for one in found)
    rest = f"; {len(counted) - measured} more were not measured" if measured < len(counted) else ""
    _write(
        ROOT / "docs" / "fix-coverage.md",
        share=f"**{share} of the removable sites are removed**{rest}. "
        f"With those that a person judged to be removable only by redesign: {every[0]} of {every[1]}.\n\n"
        f"Measured {asked.taken}.",
        sites="\n".join(["| Program | Site | Code | Id | Outcome |", "|---|---|---|---|---|", *map(_row, found)]),
        behind="\n".join(
            ["| Program | Site | Situation | Outcome |", "|---|---|---|---|", *_behind(results, found, judged)]
        ),
    )
    good = [result for result in results.values() if not result["error"]]
    ratios = [result["ratio"] for result in good]
    processors = [result["ratio_cpu"] for result in good if "ratio_cpu" in result]
    sums = [(_sum(good, "before", index), _sum(good, "after", index)) for index in range(3)]
    plain = sum(result["runs"] == result["rounds"] + 1 for result in good)
    places = sorted(result["before"][0] + result["before"][2] for result in good)
    candidates = f"{places[0]} to {places[-1]}"
    _write(
        ROOT / "bench" / "fix.md",
        programs="\n".join([f"Taken on: {asked.taken}. One run of each.", "", *_HEAD, *map(_line, results.values())]),
        sums=f"Sites: {sums[0][0] - sums[0][1]} of {sums[0][0]} removed in {len(good)} programs; "
        f"graphs {sums[1][0]} → {sums[1][1]}; recompiles {sums[2][0]} → {sums[2][1]}.\n"
        f"Removable sites of `truth.json`: {share} removed{rest}, [one by one](../docs/fix-coverage.md).\n"
        f"Time: {sum(result['whole'] for result in good):.0f} s of `g2 fix` in all, "
        f"{sum(result['once'] for result in good):.0f} s of `g2 explain --once`;\n"
        f"ratio {statistics.median(ratios):.1f} at the median (asked: at most 6), {max(ratios):.1f} at worst; "
        f"of processors {statistics.median(processors):.1f} and {max(processors):.1f} in {len(processors)} programs.\n"
        f"Runs of the script: rounds and one more in {plain} of {len(good)} programs, with {candidates} places "
        f"to cure; at most {max(result['runs'] for result in good)}.",
    )
    print(f"{share} of the removable sites removed{rest}; ratio {statistics.median(ratios):.1f} at the median")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
