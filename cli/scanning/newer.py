"""What of a scan is new: compared with other content of the repository, or with a baseline file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from g2.cli.git import Git
from g2.cli.kept import KeptFacts
from g2.cli.scanning import sources
from g2.cli.scanning.scanned import scanned
from g2.cli.scanning.sources import Sources
from g2.explain.known import Known, compare, of_sighting
from g2.explain.scan.model import Scan, Settings, Sighting


@dataclass(frozen=True, slots=True)
class Base:
    """Something to compare with. name: as a person reads it: "HEAD", "the merge base with main (1a2b3c4)"."""

    name: str
    commit: str | None = None
    known: tuple[Known, ...] | None = None  # of a baseline file


@dataclass(frozen=True, slots=True)
class News:
    """What a comparison found. gone: what the first base knows and the scan has not sighted."""

    new: tuple[Sighting, ...]
    gone: tuple[Known, ...] = ()
    bases: tuple[Base, ...] = ()


def news(
    scan: Scan,
    bases: Sequence[Base],
    known_of: Callable[[Base], tuple[Known, ...]],
    renamed: Callable[[Base], Mapping[str, str]],
    present: Collection[str],
) -> News:
    """The sightings that no base knows. Renames are asked for only where something seems new without them."""
    left, gone = list(scan.sightings), tuple[Known, ...]()
    for number, base in enumerate(bases):
        known, places = known_of(base), [of_sighting(sighting) for sighting in left]
        told = present if base.known is not None else None
        found = compare(known, places, present=told)
        if found.new and known and (names := renamed(base)):
            again = compare(known, places, names, told)
            found = again if len(again.new) <= len(found.new) else found
        left = [left[i] for i in found.new]
        gone = found.gone if number == 0 else gone
    return News(tuple(left), gone, tuple(bases))


def known_of(base: Base, git: Git | None, settings: Settings, kept: KeptFacts, jobs: int | None) -> tuple[Known, ...]:
    """What a base knows: read from its file, or scanned in its commit."""
    if base.known is not None or base.commit is None or git is None:
        return base.known or ()
    return tuple(map(of_sighting, scanned(sources.at(git, base.commit), settings, kept, jobs).sightings))


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


def short(commit: str) -> str:
    """The first characters of a commit's id."""
    return commit[:9]


def paths_of(found: Sources) -> set[str]:
    """The paths that there are now."""
    return {file.path for file in found.files}
