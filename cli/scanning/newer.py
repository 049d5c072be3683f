"""What of a scan is new: compared with other content of the repository, or with a baseline file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

from g2.cli.git import Git
from g2.cli.kept import KeptFacts
from g2.cli.scanning import sources
from g2.cli.scanning.scanned import scanned
from g2.cli.scanning.sources import Sources
from g2.explain.known import Known, compare, of_sighting
from g2.explain.scan.model import Scan, Settings, Sighting, Sureness

LEVELS = (Sureness.POSSIBLE, Sureness.LIKELY, Sureness.SURE)


@dataclass(frozen=True, slots=True)
class Base:
    """Something to compare with. name: as a person reads it: "HEAD", "the merge base with main (1a2b3c4)"."""

    name: str
    commit: str | None = None
    known: tuple[Known, ...] | None = None  # of a baseline file


@dataclass(frozen=True, slots=True)
class Before:
    """What a base knows. contents: the keys of its files; empty for a baseline file, which names none."""

    known: tuple[Known, ...]  # as sure as what fails
    unsure: tuple[Known, ...] = ()
    contents: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class News:
    """What a comparison found. gone: what the first base knows and the scan has not sighted; changed: paths of the
    files whose content is in no base, of all files where a base is a baseline file.
    """

    new: tuple[Sighting, ...]
    gone: tuple[Known, ...] = ()
    bases: tuple[Base, ...] = ()
    changed: frozenset[str] = frozenset()


def news(
    scan: Scan,
    found: Sources,
    bases: Sequence[Base],
    before: Callable[[Base], Before],
    renamed: Callable[[Base], Mapping[str, str]],
    level: Sureness,
) -> News:
    """The sightings that no base knows. In files that differ from a commit's, a place that is as sure as `level` is
    known only when the commit had one that was: taking the `if` around a print away adds a break. Elsewhere, what is
    known of a place may only have changed.
    """
    keys = {file.path: file.key for file in found.files}
    left, gone, changed = list(scan.sightings), tuple[Known, ...](), set(keys)
    for number, base in enumerate(bases):
        was = before(base)
        changed = {path for path in changed if keys[path] not in was.contents}
        names = cache(partial(renamed, base))
        present = None if base.known is None else keys.keys()
        sure = [s for s in left if base.known is None and at_least(s, level) and keys[s.span.path] not in was.contents]
        apart = frozenset(sure)
        others = [s for s in left if s not in apart]
        new, unused = _left(sure, was.known, names, present)
        more, unused = _left(others, (*was.unsure, *unused), names, present)
        left = sorted((*new, *more), key=lambda sighting: sighting.span)
        gone = unused if number == 0 else gone
    return News(tuple(left), gone, tuple(bases), frozenset(changed))


def _left(
    sightings: Sequence[Sighting],
    known: Sequence[Known],
    renamed: Callable[[], Mapping[str, str]],
    present: Collection[str] | None,
) -> tuple[list[Sighting], tuple[Known, ...]]:
    """The sightings that are not known, and what is known besides. Renames are asked for only where something seems
    new without them.
    """
    places = [of_sighting(sighting) for sighting in sightings]
    found = compare(known, places, present=present)
    if found.new and known and (names := renamed()):
        again = compare(known, places, names, present)
        found = again if len(again.new) <= len(found.new) else found
    return [sightings[i] for i in found.new], found.gone


def before(
    base: Base, git: Git | None, settings: Settings, kept: KeptFacts, jobs: int | None, level: Sureness
) -> Before:
    """What a base knows: read from its file, or scanned in its commit."""
    if base.known is not None or base.commit is None or git is None:
        return Before(base.known or ())
    there = sources.at(git, base.commit)
    known: dict[bool, list[Known]] = {True: [], False: []}
    for sighting in scanned(there, settings, kept, jobs).sightings:
        known[at_least(sighting, level)].append(of_sighting(sighting))
    return Before(tuple(known[True]), tuple(known[False]), frozenset(file.key for file in there.files))


def parents(git: Git) -> list[Base]:
    """What the next commit grows from: HEAD, and in a merge the other side, too. None before the first commit."""
    head = git.commit("HEAD")
    if head is None:
        return [Base("nothing, as there is no commit yet")]
    merging = [Base(f"the merged commit {short(commit)}", commit) for commit in git.merging()]
    return [Base("HEAD", head), *merging]


def pushed(git: Git, to: str = "HEAD") -> list[Base]:
    """Where this work parted from the branch it goes to; HEAD when there is no such branch."""
    upstream = git.upstream()
    base = git.merge_base(to, upstream) if upstream else None
    if upstream is None or base is None or base == git.commit("HEAD"):
        return parents(git)
    name = upstream.removeprefix("refs/heads/").removeprefix("refs/remotes/")
    return [Base(f"the merge base with {name} ({short(base)})", base)]


def named(git: Git, revision: str) -> list[Base]:
    """A revision that a person named. Raises Refusal when there is none of this name."""
    from g2.cli.errors import Refusal

    commit = git.commit(revision)
    if commit is None:
        raise Refusal(f"git knows no commit {revision!r}", "git log --oneline")
    return [Base(revision if revision != commit else short(commit), commit)]


def at_least(sighting: Sighting, level: Sureness) -> bool:
    """Whether it is as sure as `level`, or more so."""
    return LEVELS.index(sighting.sureness) >= LEVELS.index(level)


def short(commit: str) -> str:
    """The first characters of a commit's id."""
    return commit[:9]


def paths_of(found: Sources) -> set[str]:
    """The paths that there are now."""
    return {file.path for file in found.files}
