"""Which files are scanned, and where their content comes from: the disk, the index or a revision."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from g2.cli.errors import Refusal
from g2.cli.git import Entry, Git, blob_id
from g2.explain.scan.model import SourceFile, Unread

PYPROJECT = "pyproject.toml"
_LEFT_OUT = {"__pycache__", "node_modules"}


@dataclass(frozen=True, slots=True)
class Sources:
    """Files by their paths from `root`. only: paths of which findings are wanted, all when empty: what a function of
    one file is called with stands in others, so all are scanned. tracked: whether these are the files of a repository.
    """

    root: Path
    files: tuple[SourceFile, ...]
    pyproject: bytes | None
    only: tuple[str, ...] = ()
    unread: tuple[Unread, ...] = ()  # folders that could not be entered
    tracked: bool = False

    def wanted(self, path: str) -> bool:
        """Whether findings of this file were asked for."""
        return not self.only or any(path == name or path.startswith(f"{name}/") for name in self.only)


def staged(git: Git) -> Sources:
    """What the next commit would hold."""
    return _of_git(git, git.index(), partial(git.show, ""))


def at(git: Git, revision: str) -> Sources:
    """What a commit holds. Raises Refusal when there is none of this name."""
    commit = git.commit(revision)
    if commit is None:
        raise Refusal(f"git knows no commit {revision!r}", "git log --oneline")
    return _of_git(git, git.tree(commit), partial(git.show, commit))


def on_disk(git: Git | None, paths: tuple[str, ...]) -> Sources:
    """The files of the repository as they are on disk, tracked ones and those under `paths`; without a repository,
    those under `paths` alone (default: the working directory).

    Raises Refusal when a path is not there.
    """
    for name in paths:
        if not os.path.lexists(name):
            raise Refusal(f"there is no file or folder {name}", "g2 scan scans the whole repository")
        if Path(name).is_file() and not name.endswith((".py", ".pyw")):
            raise Refusal(f"{name} is no Python file", "name a .py file or a folder")
    given = [_real(name) for name in paths]
    top = git.top.resolve() if git is not None and git.top is not None else None
    if git is None or top is None or not all(path.is_relative_to(top) for path in given):
        return _of_folders(given or [_real(".")])
    only = tuple(sorted({path.relative_to(top).as_posix() for path in given} - {"."}))
    tracked = _tracked(git, top)
    known = {file.path for file in tracked}
    more = [path for path in git.untracked(only) if _python(path) and path not in known]
    if only and not any(_under(path, only) for path in (*known, *more)):
        return _of_folders(given)  # ignored by git: an environment's libraries
    files = [*tracked, *_from_disk(top, more)]
    ordered = tuple(sorted(files, key=lambda file: file.path))
    return Sources(top, ordered, _read_or_none(top / PYPROJECT), only, tracked=True)


def _tracked(git: Git, top: Path) -> list[SourceFile]:
    changed = git.changed_on_disk()
    entries = [entry for entry in git.index() if _python(entry.path)]
    same = [SourceFile(e.path, e.blob, git.reader(e.blob)) for e in entries if e.path not in changed]
    return [*same, *_from_disk(top, [e.path for e in entries if changed.get(e.path, False)])]


def _of_git(git: Git, entries: list[Entry], show: Callable[[str], bytes | None]) -> Sources:
    files = tuple(SourceFile(e.path, e.blob, git.reader(e.blob)) for e in entries if _python(e.path))
    has_settings = any(entry.path == PYPROJECT for entry in entries)
    return Sources(git.top or git.folder, files, show(PYPROJECT) if has_settings else None, tracked=True)


def _of_folders(given: list[Path]) -> Sources:
    """Everything under these folders, as seen from the folder that their modules are imported from."""
    root = Path(os.path.commonpath([_importable(path) for path in given]))
    paths, unread = list[str](), list[Unread]()
    for path in given:
        if path.is_file():
            paths.append(path.relative_to(root).as_posix())
        else:
            _walk(path, root, paths, unread)
    files = tuple(_from_disk(root, sorted(set(paths))))
    settings = next((c for f in (given[0], *given[0].parents) if (c := _read_or_none(f / PYPROJECT)) is not None), None)
    only = tuple(path.relative_to(root).as_posix() for path in given)
    return Sources(root, files, settings, () if "." in only else only, tuple(unread))


def _importable(path: Path) -> Path:
    """The folder from which a file or package is imported: the first one up that is no package."""
    folder = path if path.is_dir() else path.parent
    while (folder / "__init__.py").is_file() and folder.parent != folder:
        folder = folder.parent
    return folder


def _walk(top: Path, root: Path, paths: list[str], unread: list[Unread]) -> None:
    """The Python files under a folder. Links are not followed; hidden folders and environments are left out."""

    def denied(error: OSError) -> None:
        name = Path(error.filename or top)
        shown = name.relative_to(root).as_posix() if name.is_relative_to(root) else str(name)
        unread.append(Unread(shown, f"cannot be entered: {error.strerror or error}"))

    for folder, folders, names in os.walk(top, onerror=denied):
        here = Path(folder)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and name not in _LEFT_OUT and not (here / name / "pyvenv.cfg").exists()
        )
        inside = here.relative_to(root).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        paths += [prefix + name for name in names if _python(name) and not (here / name).is_symlink()]


def _from_disk(root: Path, paths: Iterable[str]) -> list[SourceFile]:
    found = []
    for path in paths:
        try:
            file = root / path
            if not stat.S_ISREG(file.stat().st_mode):
                continue
            content = file.read_bytes()
        except OSError as error:
            found.append(SourceFile(path, f"unread {path}", partial(_raise, error)))
        else:
            # What is kept under the key has to be of this very content, so it is not read a second time.
            found.append(SourceFile(path, blob_id(content), partial(bytes, content)))
    return found


def _raise(error: OSError) -> bytes:
    raise error


def _read_or_none(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _real(name: str) -> Path:
    try:
        return Path(name).resolve(strict=True)
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or "its links lead in a circle"
        raise Refusal(f"{name} cannot be read: {why}") from None


def _python(path: str) -> bool:
    return path.endswith((".py", ".pyw"))


def _under(path: str, names: tuple[str, ...]) -> bool:
    return any(path == name or path.startswith(f"{name}/") for name in names)


def needs_git(git: Git | None, option: str) -> Git:
    """The repository, for an option that cannot do without. Raises Refusal."""
    if git is not None:
        return git
    import shutil

    if shutil.which("git") is None:
        raise Refusal(f"{option} needs git, which is not installed", "g2 scan PATHS needs none")
    raise Refusal(
        f"{option} needs a git repository, and {Path.cwd()} is in none",
        "g2 scan PATHS needs none; --new --baseline FILE compares with a file",
    )
