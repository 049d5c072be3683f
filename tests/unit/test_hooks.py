"""The hook, run by the real pre-commit program at real commits: what is refused, what is let through."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from repository import BROKEN, MODEL, Repository, environment

ROOT = Path(__file__).resolve().parents[2]
HOOKS = (ROOT / ".pre-commit-hooks.yaml").read_text("utf-8")
STAGES = ("pre-commit", "pre-merge-commit", "pre-push")


def settings(repository: str) -> str:
    """The five lines that README.md gives, with another repository in place."""
    (found,) = re.findall(r"^```yaml\n(repos:\n.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)
    assert len(found.splitlines()) == 5
    return re.sub(r"repo: .*", f"repo: {repository}", found)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """g2's hooks as a repository of their own, for this very environment: nothing has to be installed."""
    hooks = Repository(tmp_path_factory.mktemp("hooks") / "g2")
    here = HOOKS.replace("language: python\n", "language: system\n")
    here = here.replace("entry: g2 ", f"entry: {sys.executable} -m g2.cli ")
    assert here != HOOKS
    hooks.put(".pre-commit-hooks.yaml", here)
    hooks.commit()
    return hooks


@pytest.fixture
def repo(tmp_path: Path, published: Repository) -> Repository:
    made = Repository(tmp_path / "ein Projekt")
    with_hook(made, published)
    made.commit(model=MODEL)
    return made


def with_hook(repo: Repository, published: Repository) -> None:
    revision = published.git("rev-parse", "HEAD").strip()
    text = re.sub(r"rev: .*", f"rev: {revision}", settings(str(published.folder)))
    repo.put(".pre-commit-config.yaml", text)
    types = [word for stage in STAGES for word in ("-t", stage)]
    pre_commit(repo, "install", *types)


def pre_commit(repo: Repository, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", *words],
        cwd=repo.folder,
        env=environment(**home(repo)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def home(repo: Repository) -> dict[str, str]:
    folder = repo.folder.parent
    return {"PRE_COMMIT_HOME": str(folder / "pre-commit"), "G2_HOME": str(folder / "g2"), "PRE_COMMIT_COLOR": "never"}


def commit(repo: Repository, *words: str, refused: bool = False) -> str:
    return repo.git("commit", "-m", "a commit", *words, code=int(refused), environ=home(repo))


def head(repo: Repository, path: str = "model.py") -> str:
    return repo.git("show", f"HEAD:{path}")


def test_a_commit_that_adds_a_break_is_refused(repo: Repository) -> None:
    repo.write(model=BROKEN)
    repo.git("add", "-A")
    said = commit(repo, refused=True)
    assert "model.py:12:8 in Net.forward" in said  # the place
    assert "print inside a compiled function: print('mean', y.mean())" in said  # the reason
    assert "Return the value and print it outside the compiled function." in said  # the cure
    assert "g2 fix SCRIPT" in said
    assert head(repo) == MODEL
    commit(repo, "--no-verify")
    assert head(repo) == BROKEN
    repo.write(model=BROKEN + "\nMORE = 1\n")  # what was let in is known from now on
    repo.git("add", "-A")
    commit(repo)


def test_a_break_in_a_helper_that_a_forward_of_another_file_calls(repo: Repository) -> None:
    calling = MODEL.replace("from torch import nn", "from torch import nn\n\nfrom tools.numbers import scaled")
    helper = "def scaled(x):\n    return x / 2\n"
    repo.commit(model=calling.replace("return y", "return scaled(y)"), tools__numbers=helper)
    repo.write(tools__numbers="def scaled(x):\n    if x.max().item() > 1:\n        return x / 2\n    return x\n")
    repo.git("add", "-A")
    said = commit(repo, refused=True)
    assert "tools/numbers.py:2:7 in scaled" in said
    assert "host-value" in said
    assert re.search(r"Path +model\.py:\d+ Net\.forward", said)


def test_a_commit_that_adds_none_is_let_through(repo: Repository) -> None:
    repo.write(model=MODEL.replace("nn.Linear(4, 4)", "nn.Linear(4, 8)"), tool="print('not compiled')\n")
    repo.git("add", "-A")
    assert re.search(r"g2\.+Passed", commit(repo))


def test_only_what_is_staged_counts(repo: Repository) -> None:
    repo.write(model=MODEL + "\nMORE = 1\n")
    repo.git("add", "-A")
    repo.write(model=BROKEN)
    commit(repo)
    assert head(repo) == MODEL + "\nMORE = 1\n"
    assert (repo.folder / "model.py").read_text() == BROKEN
    repo.git("add", "-A")
    repo.write(model=MODEL)
    commit(repo, refused=True)


def test_commits_with_an_index_of_their_own(repo: Repository) -> None:
    repo.commit(other=MODEL)
    repo.write(other=MODEL + "\nMORE = 1\n", model=BROKEN)
    commit(repo, "-a", refused=True)
    commit(repo, "model.py", refused=True)
    commit(repo, "other.py")
    assert head(repo, "other.py") == MODEL + "\nMORE = 1\n"


def test_renames_deletions_and_paths_beyond_ascii(repo: Repository) -> None:
    repo.commit(known=BROKEN)
    (repo.folder / "größe 大").mkdir()
    repo.git("mv", "known.py", "größe 大/größer.py")
    repo.git("rm", "-q", "model.py")
    commit(repo)
    repo.put("größe 大/größer.py", BROKEN.replace("return y", "return y.sum().item()"))
    repo.git("add", "-A")
    said = commit(repo, refused=True)
    assert "größe 大/größer.py:13:15 in Net.forward" in said
    assert "print-call" not in said


def test_a_merge_without_conflict(repo: Repository) -> None:
    repo.git("checkout", "-q", "-b", "side")
    repo.commit(side=BROKEN)
    repo.git("checkout", "-q", "main")
    repo.commit(main=MODEL)
    said = repo.git("merge", "--no-edit", "side", environ=home(repo))
    assert re.search(r"g2\.+Passed", said)
    assert head(repo, "side.py") == BROKEN


def test_a_merge_with_a_conflict(repo: Repository) -> None:
    repo.git("checkout", "-q", "-b", "side")
    repo.commit(side=BROKEN, model=MODEL + "\nA = 1\n")
    repo.git("checkout", "-q", "main")
    repo.commit(model=MODEL + "\nB = 1\n")
    repo.git("merge", "--no-edit", "side", code=1, environ=home(repo))
    repo.write(model=BROKEN)
    repo.git("add", "-A")
    said = commit(repo, refused=True)
    assert "model.py:12:8" in said and "side.py" not in said
    repo.write(model=MODEL)
    repo.git("add", "-A")
    commit(repo)


def test_a_submodule(repo: Repository, tmp_path: Path) -> None:
    inner = Repository(tmp_path / "inner")
    inner.commit(broken=BROKEN)
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.folder), "inner")
    repo.write(more=MODEL)
    repo.git("add", "-A")
    commit(repo)
    repo.write(more=BROKEN)
    repo.git("add", "-A")
    assert "more.py:12:8" in commit(repo, refused=True)


def test_the_first_commit_of_a_repository(tmp_path: Path, published: Repository) -> None:
    repo = Repository(tmp_path / "new")
    with_hook(repo, published)
    repo.write(model=BROKEN)
    repo.git("add", "-A")
    commit(repo, refused=True)
    repo.write(model=MODEL)
    repo.git("add", "-A")
    commit(repo)


def test_a_push_of_what_was_committed_without_the_hook(repo: Repository, tmp_path: Path) -> None:
    repo.git("clone", "-q", "--bare", str(repo.folder), str(tmp_path / "remote.git"))
    repo.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    repo.git("fetch", "-q")
    repo.git("branch", "-q", "-u", "origin/main")
    repo.commit(model=BROKEN)
    assert "model.py:12:8" in repo.git("push", "-q", "origin", "main", code=1, environ=home(repo))
    repo.commit(model=MODEL)
    repo.git("push", "-q", "origin", "main", environ=home(repo))


def test_all_files(repo: Repository) -> None:
    repo.git("checkout", "-q", "-b", "work")
    assert "Passed" in pre_commit(repo, "run", "--all-files")
    repo.commit(model=BROKEN)
    assert "model.py:12:8" in pre_commit(repo, "run", "--all-files", code=1)


@pytest.mark.slow
def test_five_lines_are_enough(tmp_path: Path) -> None:
    """The environment that pre-commit makes from the checkout, with what it downloads: no torch among it."""
    g2 = Repository(tmp_path / "g2-repository")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0"):
        if name and (ROOT / name).is_file() and not name.startswith(("fixtures/", "tests/", "bench/")):
            (g2.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, g2.folder / name)
    g2.commit()
    repo = Repository(tmp_path / "project")
    with_hook(repo, g2)
    repo.commit(model=MODEL)
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "install-hooks"],
        cwd=repo.folder,
        env=environment(**home(repo)),
        capture_output=True,
        text=True,
        timeout=900,
    )
    if done.returncode and re.search("No matching distribution|Connection|Temporary failure", done.stdout):
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stdout + done.stderr
    (environment_,) = (tmp_path / "pre-commit").glob("repo*/py_env-*")
    installed = {path.name.partition("-")[0] for path in environment_.glob("lib/python*/site-packages/*.dist-info")}
    assert "g2_torch" in installed and not installed & {"torch", "triton", "numpy"}
    repo.write(model=BROKEN)
    repo.git("add", "-A")
    assert "model.py:12:8 in Net.forward" in commit(repo, refused=True)
    repo.write(model=MODEL + "\nMORE = 1\n")
    repo.git("add", "-A")
    commit(repo)
