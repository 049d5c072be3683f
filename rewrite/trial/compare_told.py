"""What two calls told: streams line by line, log records and warnings one by one, and in which order altogether."""

from __future__ import annotations

import re
from collections.abc import Iterator

from g2.rewrite.trial.deeds import Told

_DIGITS = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
LONGEST = 80  # characters of a line that are shown


def told_differences(
    old: tuple[Told, ...], new: tuple[Told, ...], warning_text: bool = True, numbers: bool = True
) -> Iterator[str]:
    """In words. warning_text: whether the texts of warnings count. numbers: whether numbers in a text do."""
    before, after = ([_reduced(told, warning_text, numbers) for told in side] for side in (old, new))
    found = False
    for kind in ("stdout", "stderr"):
        lines = [_lines(side, kind) for side in (before, after)]
        for words in _first(lines[0], lines[1]):
            found = True
            yield f"{kind}: {words}"
    for kind, name in (("log", "the log"), ("warning", "warnings")):
        records = [[_record(told) for told in side if told.kind == kind] for side in (before, after)]
        for words in _first(records[0], records[1]):
            found = True
            yield f"{name}: {words}"
    if not found and before != after:
        place = next((at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), 0)
        yield (f"what is told comes in another order: {_told(after, place)} stands where {_told(before, place)} did")


def _reduced(told: Told, warning_text: bool, numbers: bool) -> Told:
    text = told.text if numbers else _DIGITS.sub("#", told.text)
    return Told(told.kind, text if warning_text or told.kind != "warning" else "", told.what)


def _lines(side: list[Told], kind: str) -> list[str]:
    return "".join(told.text for told in side if told.kind == kind).splitlines(keepends=True)


def _record(told: Told) -> str:
    return ": ".join(part for part in (told.what, told.text) if part)


def _told(side: list[Told], place: int) -> str:
    if place >= len(side):
        return "nothing"
    return f"{side[place].kind} {_quoted(_record(side[place]))}"


def _first(old: list[str], new: list[str]) -> Iterator[str]:
    """The first difference of two lists of lines."""
    if old == new:
        return
    place = next((at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), None)
    if sorted(old) == sorted(new) and place is not None:
        yield f"{_quoted(new[place])} comes before {_quoted(old[place])}"
        return
    if lost := _lacking(old, new):
        more = f", and {len(lost) - 1} more" if len(lost) > 1 else ""
        if place is not None and len(old) == len(new):
            yield f"{_quoted(new[place])} stands where {_quoted(old[place])} did"
        else:
            yield f"{_quoted(lost[0])} is missing{more}"
        return
    extra = _lacking(new, old)
    yield f"{_quoted(extra[0])} is new" + (f", and {len(extra) - 1} more" if len(extra) > 1 else "")


def _lacking(these: list[str], there: list[str]) -> list[str]:
    left = list(there)
    found: list[str] = []
    for item in these:
        if item in left:
            left.remove(item)
        else:
            found.append(item)
    return found


def _quoted(text: str) -> str:
    text = text.rstrip("\n") if text.strip() else text
    return repr(text if len(text) <= LONGEST else text[:LONGEST] + "...")
