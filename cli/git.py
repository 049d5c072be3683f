"""What git knows of a repository, asked by its own commands: the index, any revision, renames. Nothing is checked out.

GIT_DIR, GIT_INDEX_FILE and the like are handed on as they are, with the working directory that they were made for: in
a hook, `git commit -a` and `git commit FILE` have an index of their own.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from g2.cli.errors import Refusal

_FILES = ("100644", "100755", "100664")  # modes of files; 120000 is a link, 160000 a submodule


class GitError(Exception):
    """git said no; the text is its own last line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that git knows, by its path from the top of the repository (as os.fsdecode gives it)."""

    path: str
    blob: str  # the id of its content


@dataclass(frozen=True, slots=True)
class Git:
    """One repository. top: its top folder, None in a bare one; folder: its own, where hooks and the index are."""

    top: Path | None
    folder: Path
    here: Path  # where git is asked
    blobs: Blobs

    @classmethod
    def find(cls, here: Path | None = None) -> Git | None:
        """The repository around a folder (default: the working directory); None when there is none, or no git.

        Raises Refusal where git refuses to look into one.
        """
        where = here or Path.cwd()
        environ = dict(os.environ) if here is None or _same(here, Path.cwd()) else _without_local(os.environ)
        words = ["--is-bare-repository", "--absolute-git-dir", "--is-inside-work-tree", "--show-toplevel"]
        try:
            done = _run("rev-parse", *words, cwd=where, environ=environ)
        except OSError:  # no git, or no such folder
            return None
        said = done.stdout.removesuffix(b"\n").split(b"\n", 3)
        if len(said) < 3:
            if b"dubious ownership" in done.stderr or b"safe.directory" in done.stderr:
                raise Refusal(
                    f"git does not trust the repository around {where}: it belongs to another user",
                    f"git config --global --add safe.directory {where}",
                )
            return None
        top = Path(os.fsdecode(said[3])) if len(said) == 4 and said[2] == b"true" else None
        folder = Path(os.fsdecode(said[1]))
        return cls(top, folder, where, Blobs(where, environ))

    def ask(self, *words: str) -> bytes:
        """Standard output of `git WORDS`. Raises GitError."""
        return _ask(*words, cwd=self.here, environ=self.blobs.environ)

    def index(self) -> list[Entry]:
        """What is staged, in the order of paths. A file that is in conflict appears once, as our side has it."""
        found: dict[bytes, Entry] = {}
        for line in _split(self.ask("ls-files", "-s", "-z", "--full-name", *self._all())):
            about, _, path = line.partition(b"\t")
            mode, blob, stage = about.decode().split(" ")
            if mode in _FILES and (stage in "02" or path not in found):
                found[path] = Entry(os.fsdecode(path), blob)
        return list(found.values())

    def tree(self, revision: str) -> list[Entry]:
        """The files of a commit or tree. Raises GitError when there is none of this name."""
        found = []
        for line in _split(self.ask("ls-tree", "-r", "-z", "--full-tree", revision)):
            about, _, path = line.partition(b"\t")
            mode, _, blob = about.decode().split(" ")
            if mode in _FILES:
                found.append(Entry(os.fsdecode(path), blob))
        return found

    def changed_on_disk(self) -> dict[str, bool]:
        """Files whose content on disk may not be the staged one; the value is whether they are there at all."""
        words = _split(self.ask("diff-files", "-z", "--ignore-submodules=all"))
        return {
            os.fsdecode(path): about.split(b" ")[4][:1] != b"D"
            for about, path in zip(words[::2], words[1::2], strict=True)
        }

    def untracked(self, folders: Iterable[str]) -> list[str]:
        """Files under these paths (from the top) that git neither tracks nor ignores."""
        given = [f":(top,literal){folder}" for folder in folders]
        words = ("ls-files", "-o", "-z", "--exclude-standard", "--full-name", "--")
        return [os.fsdecode(line) for line in _split(self.ask(*words, *given))] if given else []

    def renamed(self, old: str, new: str | None, *, staged: bool = False) -> dict[str, str]:
        """Files by their path in the commit `old`, with that in `new`, in the index, or on disk."""
        how = ["diff-tree", "-r", old, new] if new else ["diff-index", *(["--cached"] if staged else []), old]
        words = iter(_split(self.ask(how[0], "-z", "-M", "--diff-filter=R", "--name-status", *how[1:])))
        found = {}
        for _, before, after in zip(words, words, words, strict=False):
            found[os.fsdecode(before)] = os.fsdecode(after)
        return found

    def commit(self, revision: str) -> str | None:
        """The full id of a commit; None when there is none of this name."""
        with contextlib.suppress(GitError):
            return (
                self.ask("rev-parse", "--verify", "-q", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
            )
        return None

    def nothing_staged(self) -> bool:
        """Whether the index holds just what HEAD does, and no merge is going on: no commit is being made."""
        if self.commit("HEAD") is None or self.merging():
            return False
        return not self.ask("diff-index", "--cached", "--name-only", "HEAD")

    def staged_changes(self) -> set[str]:
        """Files that the next commit changes, adds, deletes or renames, by both names."""
        how = ["--cached", "--no-renames", "--name-only", "-z"]
        base = "HEAD" if self.commit("HEAD") else self.ask("hash-object", "-t", "tree", os.devnull).decode().strip()
        return set(map(os.fsdecode, _split(self.ask("diff-index", *how, base))))

    def changed(self, old: str, new: str) -> set[str]:
        """Files that differ between two commits, by both names where they were renamed."""
        return set(map(os.fsdecode, _split(self.ask("diff-tree", "-r", "-z", "--no-renames", "--name-only", old, new))))

    def unlike_staged(self) -> list[str]:
        """Files whose content on disk is not the staged one."""
        words = ["diff", "--name-only", "-z", "--no-ext-diff", "--no-renames", "--ignore-submodules"]
        return list(map(os.fsdecode, _split(self.ask(*words))))

    def merging(self) -> list[str]:
        """The commits that are being merged into HEAD right now."""
        with contextlib.suppress(OSError, GitError, ValueError):
            name = os.fsdecode(self.ask("rev-parse", "--git-path", "MERGE_HEAD").rstrip(b"\n"))
            return (self.here / name).read_text("ascii").split()
        # In the hook pre-merge-commit that file is not there yet, but git merge names them to what it starts.
        return [name[8:] for name in self.blobs.environ if name.startswith("GITHEAD_") and self.commit(name[8:])]

    def merge_base(self, one: str, other: str) -> str | None:
        """Where two histories parted; None when they have nothing in common."""
        with contextlib.suppress(GitError):
            return self.ask("merge-base", one, other).decode().split()[0]
        return None

    def upstream(self) -> str | None:
        """The branch that HEAD's work goes to: its upstream, else the default branch of the remote, else main or
        master.
        """
        wanted = ("@{upstream}", "refs/remotes/origin/HEAD", "refs/remotes/origin/main", "refs/remotes/origin/master")
        for name in (*wanted, "refs/heads/main", "refs/heads/master"):
            with contextlib.suppress(GitError):
                said = self.ask("rev-parse", "--verify", "-q", "--symbolic-full-name", name).decode().strip()
                if said and self.commit(said):
                    return said
        return None

    def reader(self, blob: str) -> Callable[[], bytes]:
        """What gives the content of a blob when it is asked for."""
        return partial(self.blobs.read, blob)

    def show(self, revision: str, path: str) -> bytes | None:
        """A file's content in a commit, or in the index for ""; None when it is not there."""
        with contextlib.suppress(GitError):
            return self.ask("cat-file", "blob", f"{revision}:{path}")
        return None

    def _all(self) -> list[str]:
        return ["--", ":/"] if self.top is not None else []


@dataclass(slots=True)
class Blobs:
    """Contents by their ids, from one `git cat-file --batch` in each process that asks."""

    cwd: Path
    environ: Mapping[str, str]
    _running: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict[int, "subprocess.Popen[bytes]"])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, blob: str) -> bytes:
        """Raises OSError when git cannot give it."""
        with self._lock:
            git = self._running.get(os.getpid()) or self._start()
            assert git.stdin is not None and git.stdout is not None
            git.stdin.write(f"{blob}\n".encode())
            git.stdin.flush()
            head = git.stdout.readline().split()
            if len(head) != 3:
                raise OSError(f"git has no content {blob}" if head else "git ended while it was asked")
            content = git.stdout.read(int(head[2]) + 1)
            return content[:-1]

    def close(self) -> None:
        """End the process that was started here."""
        git = self._running.pop(os.getpid(), None)
        if git is not None and git.stdin is not None and git.stdout is not None:
            git.stdin.close()
            git.wait()
            git.stdout.close()

    def __del__(self) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[Blobs], tuple[Path, Mapping[str, str]]]:
        return Blobs, (self.cwd, self.environ)  # another process starts its own

    def _start(self) -> subprocess.Popen[bytes]:
        git = subprocess.Popen(
            ["git", "cat-file", "--batch"],
            cwd=self.cwd,
            env=self.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._running[os.getpid()] = git
        return git


def blob_id(content: bytes, like: str = "") -> str:
    """The id that git gives a content; `like` is one of the repository's ids, which may be SHA-256."""
    name = "sha256" if len(like) == 64 else "sha1"
    return hashlib.new(name, b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _ask(*words: str, cwd: Path, environ: Mapping[str, str]) -> bytes:
    try:
        done = _run(*words, cwd=cwd, environ=environ)
    except OSError as error:
        raise GitError(f"git could not be started: {error.strerror or error}") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise GitError(lines[0] if lines else f"git {words[0]} ended with {done.returncode}")
    return done.stdout


def _run(*words: str, cwd: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *words], cwd=cwd, env=environ, capture_output=True, stdin=subprocess.DEVNULL)


def _split(text: bytes) -> list[bytes]:
    return text.split(b"\0")[:-1]


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _without_local(environ: Mapping[str, str]) -> dict[str, str]:
    """Without what names one repository (git rev-parse --local-env-vars): another one is meant."""
    local = {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_DIR", "GIT_GRAFT_FILE", "GIT_INDEX_FILE",
        "GIT_NAMESPACE", "GIT_NO_REPLACE_OBJECTS", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_QUARANTINE_PATH",
        "GIT_REPLACE_REF_BASE", "GIT_SHALLOW_FILE", "GIT_WORK_TREE",
    }  # fmt: skip
    return {name: value for name, value in environ.items() if name not in local}
