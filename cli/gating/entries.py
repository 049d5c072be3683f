"""The entry scripts of a project, and those of them that a commit touches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from g2.cli.errors import Refusal
from g2.cli.gating.reach import reached
from g2.cli.git import Entry, Git
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
    changes = repository.staged_changes()
    head = repository.commit("HEAD")
    trees = [_readers(repository, repository.index()), _readers(repository, repository.tree(head) if head else [])]
    # What the commit deletes can only be reached in the tree before it.
    return [entry for entry in project.entry if any(reached(entry, files) & changes for files in trees)]


def _readers(git: Git, entries: list[Entry]) -> dict[str, Callable[[], bytes]]:
    return {entry.path: git.reader(entry.blob) for entry in entries}
