"""The entry scripts of a project, and those of them that a commit touches."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from g2.cli.errors import Refusal
from g2.cli.gating.reach import reached
from g2.cli.git import Entry, Git
from g2.cli.scanning.newer import pushed
from g2.cli.scanning.project import Project
from g2.cli.scanning.sources import needs_git

ENTRY = 'entry = ["train.py --steps 1"] under [tool.g2] of pyproject.toml'


def project_here(git: Git | None) -> tuple[Path, Project]:
    """The top folder and the settings of the project around the working directory. Raises Refusal."""
    top = git.top if git is not None and git.top is not None else Path.cwd()
    try:
        content = (top / "pyproject.toml").read_bytes()
    except FileNotFoundError:
        content = None
    except OSError as error:
        raise Refusal(f"{top / 'pyproject.toml'} cannot be read: {error.strerror or error}") from None
    return top, Project.read(content)


def touched(git: Git | None, project: Project) -> list[tuple[str, ...]]:
    """The entries whose imports reach a staged file, or one that the commit deletes or renames. Raises Refusal."""
    if not project.entry:
        raise Refusal("no entry script is named", ENTRY)
    repository = needs_git(git, "--staged")
    base, changes = _changes(repository)
    trees = [_readers(repository, repository.index()), _readers(repository, repository.tree(base) if base else [])]
    # What the commit deletes can only be reached in the tree before it.
    return [entry for entry in project.entry if any(reached(entry, files) & changes for files in trees)]


def _changes(git: Git) -> tuple[str | None, set[str]]:
    """The commit that is compared with, and the files that differ from it: those that are staged; before a push and in
    a CI job, where nothing is, those that the branch changes.
    """
    before, after = os.environ.get("PRE_COMMIT_FROM_REF"), os.environ.get("PRE_COMMIT_TO_REF")
    if before and after and git.commit(before) and git.commit(after):
        start = git.merge_base(before, after) or before
        return start, git.changed(start, after)
    if git.nothing_staged() and (base := pushed(git)[0].commit) is not None:
        return base, git.changed(base, "HEAD")
    return git.commit("HEAD"), git.staged_changes()


def _readers(git: Git, entries: list[Entry]) -> dict[str, Callable[[], bytes]]:
    return {entry.path: git.reader(entry.blob) for entry in entries}
