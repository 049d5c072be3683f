"""What a person asked of `g2 scan`, and the result of it."""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from g2.cli.errors import Refusal
from g2.cli.git import Git
from g2.cli.kept import KeptFacts
from g2.cli.scanning import newer, sources
from g2.cli.scanning.newer import Base, Before, News
from g2.cli.scanning.project import Project
from g2.cli.scanning.result import Result
from g2.cli.scanning.scanned import rules, scanned
from g2.cli.scanning.sources import Sources, needs_git
from g2.cli.scanning.waiting import waiting
from g2.explain.scan.model import Scan, Sureness


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of a scan, checked."""

    paths: tuple[str, ...] = ()
    staged: bool = False
    at: str | None = None
    new: bool = False
    base: str | None = None
    baseline: str | None = None
    level: str | None = None
    fail_on: str | None = None
    only: tuple[str, ...] = ()
    jobs: int | None = None
    quiet: bool = False

    @classmethod
    def of(cls, given: dict[str, Any]) -> Asked:
        """Check what was asked. Raises Refusal for what excludes each other, and for an unknown reason."""
        asked = cls(**{name: given[name] for name in cls.__slots__ if name in given})
        if asked.staged and asked.at:
            raise Refusal("--staged and --at exclude each other", "g2 scan --staged")
        if (asked.staged or asked.at) and asked.paths:
            raise Refusal(f"{'--staged' if asked.staged else '--at'} takes no paths", "g2 scan --only REASON")
        if asked.base is not None and not asked.base.strip():
            raise Refusal("--base needs a revision", "g2 scan --new --base origin/main")
        return replace(asked, only=tuple(_slug(word) for word in asked.only))

    def result(self) -> Result:
        """Scan, and compare where that was asked for. Raises Refusal.

        Nothing is collected: to look through the millions of objects of a large scan takes longer than the command has
        still to live, now and again when Python ends.
        """
        collecting = gc.isenabled()
        gc.disable()
        try:
            return self._result()
        finally:
            gc.freeze()
            if collecting:
                gc.enable()

    def _result(self) -> Result:
        git = _repository(self.paths)
        self = self._in_hook(git)
        found = self._sources(git)
        project = Project.read(found.pyproject)
        kept = KeptFacts.open(rules())
        fail_on = Sureness(self.fail_on) if self.fail_on else project.fail_on
        with waiting(f"scanning {len(found.files):,} files", self.quiet):
            scan = scanned(found, project.settings(), kept, self.jobs)
            news = self._news(scan, found, git, project, kept, fail_on)
        show = Sureness(self.level) if self.level else fail_on
        cwd = str(Path.cwd())
        return Result.of(scan, found, cwd, news, only=self.only, show=show, fail_on=fail_on)

    def _in_hook(self, git: Git | None) -> Asked:
        """pre-commit names two revisions where there is no commit being made: before a push, and in a CI job."""
        before, after = os.environ.get("PRE_COMMIT_FROM_REF"), os.environ.get("PRE_COMMIT_TO_REF")
        if not (self.staged and before and after and git is not None and git.commit(before) and git.commit(after)):
            return self
        return replace(self, staged=False, at=after, base=git.merge_base(before, after) or before)

    def _sources(self, git: Git | None) -> Sources:
        if self.staged:
            return sources.staged(needs_git(git, "--staged"))
        if self.at is not None:
            return sources.at(needs_git(git, "--at"), self.at)
        if git is not None and git.top is None and not self.paths:
            return sources.at(git, "HEAD")  # a bare repository has no files but those of its commits
        return sources.on_disk(git, self.paths)

    def _news(
        self, scan: Scan, found: Sources, git: Git | None, project: Project, kept: KeptFacts, level: Sureness
    ) -> News | None:
        if not (self.staged or self.new or self.base or self.baseline):
            return None
        bases = self._bases(found, git, project)
        settings = project.settings()

        def renamed(base: Base) -> dict[str, str]:
            if git is None or base.commit is None:
                return {}
            return git.renamed(base.commit, self.at, staged=self.staged)

        def before(base: Base) -> Before:
            return newer.before(base, git, settings, kept, self.jobs, level)

        return newer.news(scan, found, bases, before, renamed, level)

    def _bases(self, found: Sources, git: Git | None, project: Project) -> list[Base]:
        bases: list[Base] = []
        if self.baseline is not None:
            bases.append(_of_file(Path(self.baseline)))
        elif self.new and self.base is None and project.baseline and (found.root / project.baseline).exists():
            bases.append(_of_file(found.root / project.baseline))
        if self.base is not None:
            bases += newer.named(needs_git(git, "--base"), self.base)
        if bases:
            return bases
        repository = needs_git(git, "--new")
        if self.staged and not self.new and not repository.nothing_staged():
            return newer.parents(repository)
        return newer.pushed(repository, self.at or "HEAD")


def _of_file(path: Path) -> Base:
    from g2.cli.baseline import read

    return Base(path.name, known=read(path).scan)


def _repository(paths: tuple[str, ...]) -> Git | None:
    """The repository of the working directory, when the paths are in it; else that of the first path."""
    git = Git.find()
    if not paths or (git is not None and git.top is not None and _inside(paths, git.top)):
        return git
    first = Path(paths[0])
    folder = first if first.is_dir() else first.parent
    return Git.find(folder) if folder.is_dir() else git


def _inside(paths: tuple[str, ...], top: Path) -> bool:
    real = Path(os.path.realpath(top))
    # Links in a circle make Path.resolve raise.
    return all(Path(os.path.realpath(path)).is_relative_to(real) for path in paths)


def _slug(word: str) -> str:
    from g2.cli.scanning.project import slugs
    from g2.cli.words import UnknownWord, find

    slug = word.strip().lower().replace("_", "-")
    if slug in slugs():
        return slug
    try:
        return find(word).slug
    except UnknownWord as error:
        hint = f"--only {error.nearest}" if error.nearest else "g2 why lists all reasons"
        raise Refusal(f"there is no reason {word!r}", hint) from None
