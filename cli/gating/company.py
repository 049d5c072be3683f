"""Recompiles that a baseline knows, with company they did not have: another guard, or another function around them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from g2.explain.guards import reason_of
from g2.explain.known import Difference, Known
from g2.explain.report import RecompileFinding

_Key = tuple[str, str, str]  # reason, function, the source of a guard


def in_company(recompiles: tuple[RecompileFinding, ...], found: Difference) -> Iterator[tuple[int, Known, int]]:
    """Of what `found` takes for new, what is known after all: its index, what is known, how often that happened now.

    A function that is compiled again for a known reason stays known when more of the same kind fails with its guard,
    and when the same change also recompiles a function around it. A guard of another kind is something new.
    """
    waiting: dict[_Key, list[int]] = defaultdict(list)
    for number, known in enumerate(found.gone):
        for source in known.code.split(", "):
            waiting[known.reason, known.function, source] += [number] * known.count
    used: dict[int, int] = defaultdict(int)
    for index in found.new:
        for finding in (recompiles[index], *recompiles[index].others):
            free = (each for each in _candidates(finding, waiting) if used[each] < found.gone[each].count)
            first = next(free, None)
            if first is not None and not _strangers(finding, found.gone[first]):
                used[first] += 1
                yield index, found.gone[first], finding.recompile.count
                break


def times(finding: RecompileFinding, known: Known) -> int:
    """How often what is known happened now: only the function's own part where a function around it came first."""
    own = [other.recompile.count for other in finding.others if other.recompile.function == known.function]
    return own[0] if own and finding.recompile.function != known.function else finding.count


def _candidates(finding: RecompileFinding, waiting: dict[_Key, list[int]]) -> Iterator[int]:
    for guard in finding.recompile.guards:
        yield from waiting.get((finding.reason, finding.recompile.function, guard.source), ())


def _strangers(finding: RecompileFinding, known: Known) -> bool:
    """Whether a guard that is not known is of another kind."""
    before = set(known.code.split(", "))
    return any(
        guard.source not in before and reason_of(guard).slug != finding.reason for guard in finding.recompile.guards
    )
