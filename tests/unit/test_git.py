"""What git tells: the index, revisions, renames, in every kind of repository."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from repository import Repository, environment

from g2.cli.git import Git, GitError, blob_id


@pytest.fixture(autouse=True)
def _only_these_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith("GIT_"):
            monkeypatch.delenv(name)
    for name, value in environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    made = Repository(tmp_path / "repo")
    monkeypatch.chdir(made.folder)
    return made


def found(folder: Path | None = None) -> Git:
    git = Git.find(folder)
    assert git is not None
    return git


def contents(git: Git, revision: str | None = None) -> dict[str, bytes]:
    entries = git.index() if revision is None else git.tree(revision)
    return {entry.path: git.blobs.read(entry.blob) for entry in entries}


def test_the_index_is_what_is_staged(repo: Repository) -> None:
    repo.write(a="one", pkg__b="two")
    repo.git("add", "-A")
    repo.write(a="changed on disk", c="not added")
    assert contents(found()) == {"a.py": b"one", "pkg/b.py": b"two"}
    assert found().changed_on_disk() == {"a.py": True}
    (repo.folder / "pkg/b.py").unlink()
    assert found().changed_on_disk() == {"a.py": True, "pkg/b.py": False}


def test_it_is_the_same_from_a_folder_inside(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit(a="one", pkg__b="two")
    repo.write(pkg__c="three")
    monkeypatch.chdir(repo.folder / "pkg")
    git = found()
    assert git.top == repo.folder
    assert list(contents(git)) == list(contents(git, "HEAD")) == ["a.py", "pkg/b.py"]
    assert git.untracked(["pkg"]) == ["pkg/c.py"]


def test_any_path_that_git_can_hold(repo: Repository) -> None:
    names = ["ünï cødé/日本.py", "with\nnewline.py", 'quo"te.py', " leading.py", "tab\tbed.py", "-dash.py"]
    if sys.platform == "linux":
        names.append(os.fsdecode(b"not utf-8 \xff.py"))
    for name in names:
        repo.put(name, name.encode("utf-8", "replace").decode())
    repo.commit()
    assert sorted(contents(found())) == sorted(contents(found(), "HEAD")) == sorted(names)


def test_before_the_first_commit(repo: Repository) -> None:
    repo.write(a="one")
    repo.git("add", "-A")
    git = found()
    assert (git.commit("HEAD"), git.upstream(), git.merging()) == (None, None, [])
    assert git.staged_changes() == {"a.py"}
    assert not git.nothing_staged()
    with pytest.raises(GitError):
        git.tree("HEAD")


def test_renames(repo: Repository) -> None:
    repo.commit(a="line\n" * 20, b="other\n" * 20)
    head = repo.git("rev-parse", "HEAD").strip()
    repo.git("mv", "a.py", "ä.py")
    assert found().renamed(head, None, staged=True) == {"a.py": "ä.py"}
    assert found().renamed(head, None) == {"a.py": "ä.py"}
    later = repo.commit()
    assert found().renamed(head, later) == {"a.py": "ä.py"}
    assert found().renamed(later, later) == {}


def test_links_and_submodules_are_no_files(repo: Repository, tmp_path: Path) -> None:
    inner = Repository(tmp_path / "inner")
    inner.commit(x="inner")
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.folder), "sub")
    (repo.folder / "link.py").symlink_to("a.py")
    (repo.folder / "loop.py").symlink_to("loop.py")
    repo.commit(a="one")
    assert list(contents(found())) == list(contents(found(), "HEAD")) == [".gitmodules", "a.py"]
    assert found().changed_on_disk() == {}


def test_a_file_in_conflict_appears_once_as_ours(repo: Repository) -> None:
    repo.commit(a="base\n")
    repo.git("checkout", "-q", "-b", "other")
    theirs = repo.commit(a="theirs\n")
    repo.git("checkout", "-q", "main")
    repo.commit(a="ours\n")
    repo.git("merge", "-q", "other", code=1)
    assert contents(found()) == {"a.py": b"ours\n"}
    assert found().merging() == [theirs]


def test_where_histories_parted(repo: Repository, tmp_path: Path) -> None:
    base = repo.commit(a="1")
    clone = tmp_path / "clone"
    repo.git("clone", "-q", str(repo.folder), str(clone))
    repo.commit(a="2")
    git = found(clone)
    assert git.upstream() == "refs/remotes/origin/main"
    assert git.merge_base("HEAD", "refs/remotes/origin/main") == base
    assert git.merge_base("HEAD", "nowhere") is None


def test_a_bare_repository(repo: Repository, tmp_path: Path) -> None:
    repo.commit(a="one")
    repo.git("clone", "-q", "--bare", str(repo.folder), str(tmp_path / "bare.git"))
    git = found(tmp_path / "bare.git")
    assert git.top is None
    assert contents(git, "HEAD") == {"a.py": b"one"}


def test_a_repository_with_sha256(tmp_path: Path, repo: Repository) -> None:
    other = tmp_path / "sha256"
    repo.git("init", "-q", "--object-format=sha256", str(other))
    (other / "a.py").write_text("one")
    subprocess.run(["git", "add", "a.py"], cwd=other, check=True)
    (entry,) = found(other).index()
    assert entry.blob == blob_id(b"one", like=entry.blob)


def test_ids_are_gits_own(repo: Repository) -> None:
    repo.commit(a="one")
    (entry,) = found().index()
    assert entry.blob == blob_id(b"one") == blob_id(b"one", like=entry.blob)


def test_a_linked_worktree(repo: Repository, tmp_path: Path) -> None:
    repo.commit(a="one")
    repo.git("worktree", "add", "-q", str(tmp_path / "tree"))
    git = found(tmp_path / "tree")
    assert git.top == tmp_path / "tree"
    assert contents(git) == {"a.py": b"one"}


def test_no_repository_and_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    assert Git.find() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Git.find() is None


def test_content_that_git_does_not_have(repo: Repository) -> None:
    repo.commit(a="one")
    git = found()
    with pytest.raises(OSError, match="no content"):
        git.blobs.read("0" * 40)
    (entry,) = git.index()
    assert git.blobs.read(entry.blob) == b"one"  # it still answers


def test_a_content_is_read_in_another_process(repo: Repository) -> None:
    import concurrent.futures
    import multiprocessing

    repo.commit(a="one", b="two" * 100_000)
    git = found()
    readers = [git.reader(entry.blob) for entry in git.index()]
    assert [read() for read in readers] == [b"one", b"two" * 100_000]
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(_read, readers)) == [3, 300_000]


def _read(reader: Callable[[], bytes]) -> int:
    return len(reader())


HOOK = """#!/bin/sh
exec {python} -c '
import sys
from g2.cli.git import Git
git = Git.find()
for entry in git.index():
    print("INDEX", entry.path, git.blobs.read(entry.blob).decode().strip())
print("NEW", sorted(git.staged_changes()))
'
"""


def with_hook(repo: Repository) -> None:
    hook = repo.folder / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK.format(python=sys.executable))
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize("folder", [".", "pkg"])
def test_in_a_hook_the_index_is_that_of_this_commit(repo: Repository, folder: str) -> None:
    repo.commit(a="a1", b="b1", pkg__c="c1")
    with_hook(repo)
    repo.write(a="a2", b="b2")
    repo.git("add", "a.py")
    plain = repo.git("-C", folder, "commit", "-m", "what is staged")
    assert "INDEX a.py a2" in plain and "INDEX b.py b1" in plain
    repo.write(a="a3")
    every = repo.git("-C", folder, "commit", "-a", "-m", "everything")
    assert "INDEX a.py a3" in every and "INDEX b.py b2" in every
    repo.write(a="a4", b="b4")
    repo.git("add", "a.py")
    partial = repo.git("commit", "-m", "one file", "b.py")
    assert "INDEX a.py a3" in partial and "INDEX b.py b4" in partial
    assert "NEW ['b.py']" in partial
