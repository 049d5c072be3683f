"""A run against what the baseline knows of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from g2.cli.baseline import KnownRun
from g2.cli.gating.company import in_company, times
from g2.cli.text import inline, plural
from g2.explain.known import Known, compare, of_breaks, of_recompiles
from g2.explain.report import RecompileFinding, Report


@dataclass(frozen=True, slots=True)
class Judged:
    """What changed since. report: the run's, with nothing in it but what is new or has become worse."""

    report: Report
    now: KnownRun
    before: KnownRun
    breaks: int  # new ones
    recompiles: int  # new ones
    worse: tuple[tuple[RecompileFinding, int], ...]  # recompiles that were known, with how often they happened
    gone: tuple[Known, ...]
    tolerance: float | None = None  # of the speedup, as a part of it

    @property
    def slower(self) -> bool:
        """Whether more of the speedup was lost than is tolerated."""
        before, now, tolerance = self.before.speedup, self.now.speedup, self.tolerance
        return None not in (before, now, tolerance) and now < before * (1 - tolerance)  # type: ignore[operator]

    @property
    def more_graphs(self) -> bool:
        """Whether more of it is cut into pieces. Something more that is compiled is no reason."""
        return self.now.graphs - self.now.roots > max(self.before.graphs - self.before.roots, 0)

    @property
    def fails(self) -> bool:
        return bool(self.breaks or self.recompiles or self.worse or self.more_graphs or self.slower)


def known_run(report: Report, folder: str, speedup: float | None = None) -> KnownRun:
    """What a baseline keeps of a run. Paths are relative to `folder`."""
    session = report.session
    return KnownRun(
        graphs=len({graph.id.partition("/")[0] for graph in session.graphs if not graph.backward}),
        roots=sum(root.calls > 0 for root in session.roots),
        breaks=of_breaks(report, folder),
        recompiles=of_recompiles(report, folder),
        torch=session.torch,
        hidden=session.hidden_looked_for or not session.breaks,  # nothing hides behind no break
        speedup=speedup,
    )


def judge(report: Report, before: KnownRun, now: KnownRun, tolerance: float | None = None) -> Judged:
    """Compare. Hidden breaks count only where they were looked for before, too."""
    breaks = compare(before.breaks, now.breaks)
    recompiles = compare(before.recompiles, now.recompiles)
    new = [report.findings[i] for i in breaks.new if before.hidden or not report.findings[i].place.hidden]
    again = {i: (known, times(report.recompiles[i], known)) for i, known in recompiles.matched.items()}
    again |= {i: (known, count) for i, known, count in in_company(report.recompiles, recompiles)}
    changes = [report.recompiles[i] for i in recompiles.new if i not in again]
    worse = [(report.recompiles[i], known.times) for i, (known, count) in sorted(again.items()) if count > known.times]
    first = new[0].reason.slug if new else changes[0].reason if changes else worse[0][0].reason if worse else None
    shown = replace(
        report,
        findings=tuple(new),
        recompiles=tuple(changes + [finding for finding, _ in worse]),
        next_step=f"g2 why {first}" if first else "",
    )
    still = Counter(known for i, (known, _) in again.items() if i not in recompiles.matched)
    lost = (replace(known, count=known.count - still[known]) for known in recompiles.gone)
    gone = (*breaks.gone, *(known for known in lost if known.count))
    return Judged(shown, now, before, len(new), len(changes), tuple(worse), gone, tolerance)


def sentences(judged: Judged) -> list[str]:
    """What changed, in words, what fails first."""
    before, now = judged.before, judged.now
    said = []
    if judged.breaks:
        said.append(f"{plural(judged.breaks, 'new graph break')}.")
    if judged.recompiles:
        said.append(f"{plural(judged.recompiles, 'new cause', 'new causes')} of recompiling.")
    for finding, before_ in judged.worse:
        place = inline(finding.recompile.function)
        said.append(
            f"{place} is compiled again {plural(finding.count, 'time')} for {finding.reason}, before {before_:,}."
        )
    if now.graphs != before.graphs:
        more = "" if judged.more_graphs or now.graphs < before.graphs else ", as more is compiled"
        said.append(f"{plural(now.graphs, 'graph')}, before {before.graphs:,}{more}.")
    if now.speedup is not None:
        known = f", before {before.speedup:.2f} times" if before.speedup is not None else ", not known before"
        lost = ": more was lost than is tolerated" if judged.slower else ""
        said.append(f"A compiled call is {now.speedup:.2f} times as fast as in eager{known}{lost}.")
    if judged.gone:
        number = sum(entry.count for entry in judged.gone)
        said.append(f"{plural(number, 'known finding')} did not occur any more: --write takes them out.")
    if before.torch != now.torch:
        said.append(f"The baseline was made with torch {before.torch}, this is {now.torch}.")
    return said or ["Nothing changed."]
