"""`g2 scan` and `g2 baseline` on real repositories: what is scanned, what is new, what is said, exit codes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest
from repository import BROKEN, MODEL, Repository, environment

from g2.cli.app import main
from g2.cli.scanning import waiting

ROOT = Path(__file__).resolve().parents[2]

HELPER = """\
def scaled(x):
    if x.sum() > 0:
        return x / 2
    return x
"""
CALLER = """\
import torch
from torch import nn

from helper import scaled


class Net(nn.Module):
    def forward(self, x: torch.Tensor):
        return scaled(x)
"""


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


class Here:
    """Runs g2 in this process, in the working directory."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: str) -> Said:
        self.capsys.readouterr()
        code = main(list(words))
        told = self.capsys.readouterr()
        return Said(code, told.out, told.err)

    def lines(self, *words: str) -> list[str]:
        """Places as path:line:column: reason."""
        said = self("scan", "--format", "lines", *words)
        assert said.code in (0, 1), said.err
        return [line.rsplit(": ", 1)[0].split(": ")[0] + " " + line.split(": ")[1] for line in said.out.splitlines()]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith(("GIT_", "PRE_COMMIT")):
            monkeypatch.delenv(name)
    for name, value in environment(G2_HOME=str(tmp_path / "home"), COLUMNS="80", NO_COLOR="1").items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def g2(capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(capsys)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    made = Repository(tmp_path / "repo")
    monkeypatch.chdir(made.folder)
    return made


def test_what_is_tracked_is_scanned(repo: Repository, g2: Here) -> None:
    repo.write(model=BROKEN, draft=BROKEN)
    repo.git("add", "model.py")
    assert g2.lines() == ["model.py:12:9 print-call"]
    assert g2("scan").code == 1
    assert g2.lines("draft.py") == ["draft.py:12:9 print-call"]


def test_a_clean_repository(repo: Repository, g2: Here) -> None:
    repo.commit(model=MODEL)
    said = g2("scan")
    assert (said.code, said.err) == (0, "")
    assert said.out == "No place in 1 file breaks a graph or recompiles, as far as a scan can tell.\n"
    assert g2("scan", "-q") == Said(0, "", "")


def test_the_call_path_crosses_files(repo: Repository, g2: Here) -> None:
    repo.commit(helper=HELPER, net=CALLER)
    said = g2("scan", "helper.py")
    assert said.code == 1
    assert "helper.py:2:7 in scaled" in said.out
    assert "Path" in said.out and "net.py:" in said.out and "Net.forward" in said.out
    assert "Known" in said.out and "tensor" in said.out
    assert g2("scan", "net.py").code == 0


def test_it_fits_eighty_columns_without_colour(repo: Repository, g2: Here) -> None:
    repo.commit(helper=HELPER, net=CALLER, model=BROKEN)
    text = g2("scan").out
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text


def test_with_colour(repo: Repository, g2: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit(model=BROKEN)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1" in g2("scan").out


def test_what_is_staged_counts_and_not_the_disk(repo: Repository, g2: Here) -> None:
    repo.commit(model=MODEL)
    repo.write(model=BROKEN)
    assert g2("scan", "--staged").code == 0
    repo.git("add", "-A")
    repo.write(model=MODEL)
    said = g2("scan", "--staged")
    assert said.code == 1
    assert "1 new place that breaks a graph or recompiles in 1 file; compared with HEAD." in said.out
    assert "print('mean', y.mean())" in said.out  # the staged source, not the disk's


def test_a_commit_that_adds_nothing_passes(repo: Repository, g2: Here) -> None:
    repo.commit(model=BROKEN)
    repo.write(model="# moved down\n\n" + BROKEN.replace("'mean', y.mean()", '"mean",\n              y.mean()'))
    repo.git("add", "-A")
    repo.git("mv", "model.py", "net.py")
    said = g2("scan", "--staged")
    assert said.code == 0
    assert said.out.startswith("Nothing new in 1 file; compared with HEAD.")
    assert "1 place that was there before." in said.out
    repo.write(net=BROKEN.replace("        return y", "        print('mean', y.mean())\n        return y"))
    repo.git("add", "-A")
    assert g2.lines("--staged") == ["net.py:13:9 print-call"]


def test_the_first_commit(repo: Repository, g2: Here) -> None:
    repo.write(model=BROKEN)
    repo.git("add", "-A")
    said = g2("scan", "--staged")
    assert said.code == 1
    assert "compared with nothing, as there is no commit yet" in " ".join(said.out.split())


def test_a_merge_brings_nothing_new(repo: Repository, g2: Here) -> None:
    repo.commit(model=MODEL, other=MODEL)
    repo.git("checkout", "-q", "-b", "side")
    repo.commit(other=BROKEN)
    repo.git("checkout", "-q", "main")
    repo.commit(more=MODEL)
    repo.git("merge", "-q", "--no-commit", "--no-ff", "side")
    said = g2("scan", "--staged")
    assert said.code == 0, said.out
    assert "HEAD and the merged commit" in said.out
    repo.write(more=BROKEN)
    repo.git("add", "-A")
    assert g2.lines("--staged") == ["more.py:12:9 print-call"]


def test_a_deleted_file_is_no_matter(repo: Repository, g2: Here) -> None:
    repo.commit(model=BROKEN, other=MODEL)
    repo.git("rm", "-q", "model.py")
    assert g2("scan", "--staged").code == 0
    assert g2.lines() == []


def test_new_since_a_revision(repo: Repository, g2: Here) -> None:
    first = repo.commit(model=MODEL)
    repo.commit(model=BROKEN)
    repo.write(new=BROKEN)
    repo.git("add", "-A")
    assert g2.lines("--base", "HEAD") == ["new.py:12:9 print-call"]
    assert g2.lines("--new", "--base", first) == ["model.py:12:9 print-call", "new.py:12:9 print-call"]
    assert g2.lines("--at", "HEAD", "--base", first[:8]) == ["model.py:12:9 print-call"]
    assert g2("scan", "--base", "nowhere").err == "g2: git knows no commit 'nowhere'\n  try: git log --oneline\n"


def test_new_since_the_branch_parted(repo: Repository, g2: Here) -> None:
    repo.commit(model=BROKEN)
    repo.git("checkout", "-q", "-b", "work")
    repo.commit(new=BROKEN)
    said = g2("scan", "--new")
    assert "compared with the merge base with main (" in " ".join(said.out.split())
    assert g2.lines("--new") == ["new.py:12:9 print-call"]


def test_all_files_in_a_ci_job(repo: Repository, g2: Here) -> None:
    # pre-commit run --all-files: nothing is staged, and the branch is what is looked at.
    repo.commit(model=MODEL)
    repo.git("checkout", "-q", "-b", "work")
    repo.commit(model=BROKEN)
    assert g2.lines("--staged") == ["model.py:12:9 print-call"]


def test_two_revisions_of_pre_commit(repo: Repository, g2: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    first = repo.commit(model=MODEL)
    repo.commit(model=BROKEN)
    repo.commit(model=MODEL)
    monkeypatch.setenv("PRE_COMMIT_FROM_REF", first)
    monkeypatch.setenv("PRE_COMMIT_TO_REF", "HEAD~1")
    assert g2.lines("--staged") == ["model.py:12:9 print-call"]
    monkeypatch.setenv("PRE_COMMIT_TO_REF", "HEAD")
    assert g2.lines("--staged") == []


def test_a_bare_repository(repo: Repository, g2: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit(model=BROKEN)
    repo.git("clone", "-q", "--bare", str(repo.folder), str(tmp_path / "bare.git"))
    monkeypatch.chdir(tmp_path / "bare.git")
    assert g2("scan", "--format", "json").code == 1


def test_without_git(tmp_path: Path, g2: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "model.py").write_text(BROKEN)
    (folder / "env").mkdir()
    (folder / "env" / "pyvenv.cfg").touch()
    (folder / "env" / "lib.py").write_text(BROKEN)
    (folder / "loop").symlink_to(folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert g2.lines() == ["model.py:12:9 print-call"]
    said = g2("scan", "--new")
    assert said.code == 2
    assert said.err.startswith(f"g2: --new needs a git repository, and {folder} is in none\n")
    monkeypatch.setenv("PATH", "")
    assert g2.lines() == ["model.py:12:9 print-call"]
    said = g2("scan", "--staged")
    assert (said.code, said.err.splitlines()[0]) == (2, "g2: --staged needs git, which is not installed")


def test_a_package_outside_of_the_repository(repo: Repository, g2: Here, tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "lib"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from lib.helper import scaled\n")
    (package / "helper.py").write_text(HELPER)
    (package / "net.py").write_text(CALLER.replace("from helper", "from lib.helper"))
    assert g2.lines(str(package)) == [f"{package}/helper.py:2:8 tensor-branch"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere.py"], "there is no file or folder nowhere.py"),
        (["README.md"], "README.md is no Python file"),
        (["--format", "xml"], "there is no format 'xml'"),
        (["--only", "nonsense-word"], "there is no reason 'nonsense-word'"),
        (["--staged", "--at", "HEAD"], "--staged and --at exclude each other"),
        (["--staged", "model.py"], "--staged takes no paths"),
        (["--baseline", "none.json"], "there is no baseline none.json"),
        (["--at", "nowhere"], "git knows no commit 'nowhere'"),
        (["--at", "--output=x"], "git knows no commit '--output=x'"),
        (["-o", "report.html"], "no form of this report has the ending .html of report.html; the endings"),
        (["-o", "report.foo"], "no form of this report has the ending .foo of report.foo"),
        (["-o", "nowhere/report.txt"], "nowhere/report.txt cannot be written: No such file or directory"),
    ],
)
def test_what_is_refused(repo: Repository, g2: Here, words: list[str], told: str) -> None:
    repo.put("README.md", "text")
    repo.commit(model=MODEL)
    said = g2("scan", *words)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"g2: {told}")


def test_levels(repo: Repository, g2: Here) -> None:
    unsure = "        if self.training:\n            print('mean', y.mean())\n        return y"
    repo.commit(model=MODEL.replace("        return y", unsure))
    levels = [len(g2.lines(option)) for option in ("--sure", "--likely", "--all")]
    assert levels == sorted(levels) and levels[0] < levels[-1]
    assert g2("scan", "--all").code == int(levels[0] > 0)
    assert g2("scan", "--fail-on", "likely").code == 1
    assert "not shown" in g2("scan").out


def test_only_and_statistics(repo: Repository, g2: Here) -> None:
    repo.commit(model=BROKEN, helper=HELPER, net=CALLER)
    assert g2.lines("--only", "print-call") == ["model.py:12:9 print-call"]
    assert g2.lines("--only", "warning-call") == []
    said = g2("scan", "--statistics")
    assert said.code == 1
    assert "      1      1  print-call" in said.out


def test_comments_and_settings_ignore(repo: Repository, g2: Here) -> None:
    repo.commit(model=BROKEN.replace("y.mean())", "y.mean())  # g2: ignore[print-call]"), other=BROKEN)
    repo.put("pyproject.toml", '[tool.g2.per-path-ignores]\n"other.py" = ["print-call"]\n')
    said = g2("scan")
    assert said.code == 0
    assert "2 places ignored" in said.out
    repo.put("pyproject.toml", '[tool.g2]\nignore = ["print-call"]\n')
    assert g2("scan").code == 0
    repo.put("pyproject.toml", "")
    assert g2.lines() == ["other.py:12:9 print-call"]


def test_an_ignore_of_nothing_is_named(repo: Repository, g2: Here) -> None:
    repo.commit(model=MODEL.replace("return y", "return y  # g2: ignore[print-call]"))
    said = g2("scan")
    assert said.code == 0
    assert "model.py:12" in said.out
    assert "`# g2: ignore[print-call]` ignores nothing: take it out." in said.out
    repo.commit(model=BROKEN.replace("y.mean())", "y.mean())  # g2: ignore[printcall]"))
    said = g2("scan")
    told = "`# g2: ignore[printcall]` ignores nothing: there is no reason printcall; `print-call` may be meant."
    assert said.code == 1
    assert told in " ".join(said.out.split())


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("[tool.g2]\nignor = []", "pyproject.toml: [tool.g2] has no setting 'ignor'"),
        ("[tool.g2]\nignore = ['print']", "pyproject.toml: ignore names 'print', which is no reason"),
        ("[tool.g2]\nignore = 'print-call'", "pyproject.toml: ignore of [tool.g2] has to be a list of strings"),
        ("[tool.g2]\nfail-on = 'all'", "pyproject.toml: fail-on of [tool.g2] has to be"),
        ("[tool.g2]\ncalls = -1", "pyproject.toml: calls of [tool.g2] has to be a whole number above 0"),
        ('[tool.g2]\nentry = ["\'"]', 'pyproject.toml: entry "\'": No closing quotation'),
        ("[tool.g2]\nentry = ['python train.py']", "pyproject.toml: entry 'python train.py': leave python out"),
        ("[tool.g2\n", "pyproject.toml is not valid TOML"),
        ("tool.g2 = 3", "pyproject.toml: tool.g2 of [tool.g2] has to be a table"),
    ],
)
def test_settings_that_cannot_be_understood(repo: Repository, g2: Here, table: str, told: str) -> None:
    repo.commit(model=MODEL)
    repo.put("pyproject.toml", table)
    said = g2("scan")
    assert said.code == 2
    assert said.err.startswith(f"g2: {told}")


def test_files_that_cannot_be_scanned_are_named(repo: Repository, g2: Here) -> None:
    repo.commit(model=BROKEN, syntax="def f(:\n")
    (repo.folder / "null.py").write_bytes(b"x = 1\0\n")
    (repo.folder / "encoding.py").write_bytes(b"# coding: klingon\n\xff\xfe\n")
    (repo.folder / "deep.py").write_text("x = " + "(" * 5000 + ")" * 5000)
    repo.commit()
    said = g2("scan")
    assert said.code == 1
    assert "print-call" in said.out and "Not scanned" in said.out
    for name in ("syntax.py", "null.py", "encoding.py", "deep.py"):
        assert f"{name}:1" in said.out
    left_out = {one["path"] for one in json.loads(g2("scan", "--format", "json").out)["unread"]}
    assert left_out == {"syntax.py", "null.py", "encoding.py", "deep.py"}


def test_a_file_that_cannot_be_scanned_is_none_that_is_clean(repo: Repository, g2: Here) -> None:
    repo.commit(syntax="\n\ndef f(a b):\n    pass\n")
    said = g2("scan")
    assert (said.code, said.out.splitlines()[0]) == (
        0,
        "1 file could not be scanned, and there is no other file.",
    )
    assert "syntax.py:3: does not parse in this Python: " in said.out
    assert "line 3" not in said.out and "?." not in said.out
    repo.commit(model=MODEL)
    assert g2("scan").out.startswith("1 file could not be scanned. No place in 1 file breaks")
    assert g2("scan", "syntax.py").code == 2  # what was asked for could not be done
    assert g2("scan", "model.py").code == 0
    said = g2("scan", "--format", "lines", "syntax.py")
    assert said.out.startswith("syntax.py:3:1: not-scanned: does not parse in this Python: ")
    assert said.out.count("\n") == 1
    assert g2("scan", "--format", "lines", "model.py").out == ""
    notice, warning = g2("scan", "--format", "github").out.splitlines()
    assert notice.startswith("::notice title=g2 scan::1 file could not be scanned.")
    assert warning.startswith("::warning file=syntax.py,line=3,endLine=3,title=g2%3A not scanned::does not parse")


def test_a_quiet_hook_names_what_it_did_not_scan_of_the_commit(repo: Repository, g2: Here) -> None:
    repo.commit(model=MODEL, old="def f(:\n", pardon="x = 1  # g2: ignore\n")
    repo.write(model=MODEL + "\nMORE = 1\n")
    repo.git("add", "-A")
    assert g2("scan", "--staged", "--quiet") == Said(0, "", "")
    repo.write(new="def new(:\n", other="y = 1  # g2: ignore\n")
    repo.git("add", "-A")
    said = g2("scan", "--staged", "--quiet")
    assert said.code == 0
    assert said.out.startswith("1 file could not be scanned. Nothing new in 3 files; compared with HEAD.")
    assert "new.py:1: does not parse" in said.out and "other.py:1" in said.out
    assert "old.py" not in said.out and "pardon.py" not in said.out


def test_folders_without_python_files(
    tmp_path: Path, repo: Repository, g2: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert g2("scan").out.startswith("There is no Python file that git tracks here.")
    for name in ("empty", "bare"):
        (tmp_path / "plain" / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "plain")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert g2("scan").out == "There is no Python file in this folder.\n"
    assert g2("scan", "empty").out == "There is no Python file in empty.\n"
    assert g2("scan", "empty", "bare").out == "There is no Python file in empty or bare.\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(repo: Repository, g2: Here) -> None:
    repo.commit(model=BROKEN, other=MODEL)
    repo.write(other=BROKEN)
    (repo.folder / "other.py").chmod(0)
    assert "other.py:1: cannot be read: Permission denied" in g2("scan").out


def test_a_name_that_is_an_escape_sequence_stays_text(repo: Repository, g2: Here) -> None:
    repo.put("\x1b[31mred[bold].py", BROKEN)
    repo.commit()
    said = g2("scan")
    assert "\x1b" not in said.out
    assert "red[bold].py:12:8" in said.out


def test_json_follows_its_schema(repo: Repository, g2: Here) -> None:
    repo.commit(model=MODEL)
    repo.commit(model=BROKEN, helper=HELPER, net=CALLER, syntax="def f(:\n", unused="x = 1  # g2: ignore\n")
    schema = json.loads((ROOT / "docs/scan.schema.json").read_text("utf-8"))
    for words in ([], ["--new", "--base", "HEAD~1"], ["--all"]):
        document = json.loads(g2("scan", "--format", "json", *words).out)
        jsonschema.validate(document, schema)
        assert len(document["sightings"]) >= 2
        assert (document["bases"] is None) == (words != ["--new", "--base", "HEAD~1"])


def test_annotations_of_github(repo: Repository, g2: Here) -> None:
    repo.commit(model=BROKEN)
    said = g2("scan", "--format", "github")
    notice, error = said.out.splitlines()
    assert notice.startswith("::notice title=g2 scan::1 place that breaks a graph")
    assert error.startswith("::error file=model.py,line=12,col=9,endLine=12,endColumn=32,title=print-call::print")


def test_a_report_in_a_file(repo: Repository, g2: Here) -> None:
    repo.commit(model=BROKEN)
    assert g2("scan", "--format", "lines", "-o", "report.txt") == Said(1, "", "")
    assert (repo.folder / "report.txt").read_text().startswith("model.py:12:9: print-call: ")


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("s.sarif", '{\n  "$schema"'),
        ("s.json", '{\n  "format": 1'),
        ("s.junit.xml", "<?xml"),
        ("s.gl-code-quality.json", "["),
        ("s.txt", "1 place that"),
        ("s", "1 place that"),
    ],
)
def test_the_ending_chooses_the_form(repo: Repository, g2: Here, name: str, beginning: str) -> None:
    repo.commit(model=BROKEN)
    assert g2("scan", "-o", name) == Said(1, "", "")
    assert (repo.folder / name).read_text().startswith(beginning)
    assert g2("scan", "--format", "lines", "-o", name).code == 1
    assert (repo.folder / name).read_text().startswith("model.py:12:9: print-call: ")


def test_a_second_scan_reads_nothing(repo: Repository, g2: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit(model=BROKEN)
    first = g2("scan")
    monkeypatch.setattr("g2.explain.scan.scan.scan", None)
    assert g2("scan") == first
    repo.write(model=MODEL)
    assert g2("scan").code == 2  # it would scan now


def test_a_damaged_cache_is_no_matter(repo: Repository, g2: Here, tmp_path: Path) -> None:
    repo.commit(model=BROKEN)
    first = g2("scan")
    (database,) = (tmp_path / "home" / "cache").glob("*.db")
    database.write_bytes(b"nonsense" * 1000)
    assert g2("scan") == first
    assert g2("scan") == first


def test_two_at_once(repo: Repository) -> None:
    repo.commit(**{f"model{i}": BROKEN + f"\nX = {i}\n" for i in range(30)})
    command = [sys.executable, "-m", "g2.cli", "scan", "--format", "lines"]
    both = [subprocess.Popen(command, cwd=repo.folder, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outs = [process.communicate(timeout=120)[0] for process in both]
    assert outs[0] == outs[1]
    assert len(outs[0].splitlines()) == 30


def test_baseline_write_diff_prune(repo: Repository, g2: Here) -> None:
    repo.commit(model=BROKEN, old=BROKEN)
    assert g2("baseline", "write").out == "g2: g2-baseline.json knows 2 findings of the scan\n"
    text = (repo.folder / "g2-baseline.json").read_text()
    jsonschema.validate(json.loads(text), json.loads((ROOT / "docs/baseline.schema.json").read_text("utf-8")))
    assert g2("scan", "--new", "--baseline", "g2-baseline.json").code == 0
    assert g2("baseline", "diff") == Said(0, "", "g2: 0 new findings, 0 gone, 2 known\n")
    repo.commit(old=MODEL, new=BROKEN)
    assert g2.lines("--new", "--baseline", "g2-baseline.json") == ["new.py:12:9 print-call"]
    said = g2("baseline", "diff")
    assert said.code == 1
    assert said.out.splitlines() == [
        "+ new.py: Net.forward: print-call: print('mean', y.mean())",
        "- old.py: Net.forward: print-call: print('mean', y.mean())",
    ]
    assert g2("baseline", "prune").out == "g2: 1 finding taken out of g2-baseline.json; 1 left\n"
    left = json.loads((repo.folder / "g2-baseline.json").read_text())["scan"]
    assert [entry["path"] for entry in left] == ["model.py"]
    g2("baseline", "write")
    assert g2("scan", "--new", "--baseline", "g2-baseline.json").code == 0


def test_the_baseline_that_the_project_names(repo: Repository, g2: Here) -> None:
    repo.commit(model=BROKEN)
    repo.put("pyproject.toml", '[tool.g2]\nbaseline = "known.json"\n')
    g2("baseline", "write")
    repo.write(model=MODEL)
    said = g2("scan", "--new")
    assert "compared with known.json" in said.out
    assert "1 finding of known.json occurs no more: `g2 baseline prune` takes them out." in " ".join(said.out.split())


@pytest.mark.parametrize(
    ("content", "told", "hint"),
    [
        ("<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> x\n", "holds the marks of a merge conflict, from line 1 on", "keep"),
        ("{", "is damaged: Expecting property name", "g2 baseline write"),
        ("", "is damaged: Expecting value", "g2 baseline write"),
        ("[]", "is damaged: it has no format number", "g2 baseline write"),
        ("[" * 100_000, "is damaged: ", "g2 baseline write"),
        ('{"format": 1, "scan": [{"path": 3}]}', "is damaged: 'function' is missing", "g2 baseline write"),
        ('{"format": 1, "scan": [[]]}', "is damaged: ", "g2 baseline write"),
        ('{"format": 1, "runs": []}', "is damaged: ", "g2 baseline write"),
        ('{"format": 2}', "has format 2, and this g2 reads formats up to 1", "pip install --upgrade g2-torch"),
        ("\udcff", "is damaged: 'utf-8' codec", "g2 baseline write"),
    ],
)
def test_a_baseline_that_cannot_be_used(repo: Repository, g2: Here, content: str, told: str, hint: str) -> None:
    repo.commit(model=MODEL)
    file = repo.folder / "g2-baseline.json"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    for words in (["scan", "--baseline", "g2-baseline.json"], ["baseline", "write"], ["baseline", "prune"]):
        said = g2(*words)
        assert said.code == 2
        assert told in said.err and hint in said.err
        assert file.read_bytes() == content.encode("utf-8", "surrogateescape")  # nothing is lost


def test_sides_of_a_merge_add_up(repo: Repository, g2: Here) -> None:
    repo.commit(a=BROKEN, m=MODEL, z=BROKEN)
    g2("baseline", "write")
    repo.commit()
    repo.git("checkout", "-q", "-b", "side")
    repo.write(b=BROKEN)
    repo.git("add", "-A")
    g2("baseline", "write")
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.write(a=BROKEN.replace("'mean'", "'average'"))
    g2("baseline", "write")
    repo.commit()
    # Neighbouring lines conflict as in any file; keeping both sides gives a baseline again.
    repo.git("merge", "-q", "side", code=1)
    text = (repo.folder / "g2-baseline.json").read_text()
    kept = [line for line in text.splitlines() if line[:7] not in ("<" * 7, "=" * 7, ">" * 7)]
    (repo.folder / "g2-baseline.json").write_text("\n".join(kept))
    repo.git("add", "-A")
    assert g2("baseline", "prune").code == 0
    assert g2("baseline", "diff").code == 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_takes_long_is_told_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(waiting, "AFTER", 0.02)
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    with waiting.waiting("scanning 3 files"):
        time.sleep(0.2)
    assert "g2: scanning 3 files, 0 s" in shown.getvalue()
    assert shown.getvalue().endswith("\r\x1b[K")  # the line is taken away
    for quick in (True, False):
        monkeypatch.setattr(sys, "stderr", shown := Terminal() if quick else io.StringIO())
        with waiting.waiting("scanning 3 files"):
            time.sleep(0 if quick else 0.1)
        assert shown.getvalue() == ""


def test_a_kill_in_the_middle_loses_nothing(repo: Repository, g2: Here) -> None:
    repo.commit(**{f"model{i}": BROKEN + f"\nX = {i}\n" for i in range(40)})
    g2("baseline", "write")
    before = (repo.folder / "g2-baseline.json").read_bytes()
    repo.write(more=BROKEN)
    repo.git("add", "-A")
    for wait in (0.2, 0.4, 0.6):
        writer = subprocess.Popen([sys.executable, "-m", "g2.cli", "baseline", "write"], cwd=repo.folder)
        time.sleep(wait)
        writer.kill()
        writer.wait()
        known = len(json.loads((repo.folder / "g2-baseline.json").read_bytes())["scan"])
        assert (repo.folder / "g2-baseline.json").read_bytes() == before or known == 41
    assert g2("baseline", "write").code == 0
    assert g2("scan", "--baseline", "g2-baseline.json").code == 0


GUARDED = MODEL.replace(
    "        return y", "        if self.training:\n            print('mean', y.mean())\n        return y"
)


def test_a_place_that_becomes_sure_is_new_where_its_file_changed(repo: Repository, g2: Here) -> None:
    repo.commit(model=GUARDED)
    assert g2.lines("--sure") == []
    repo.write(model=BROKEN)  # the `if` is gone, and each call prints
    repo.git("add", "-A")
    assert g2.lines("--staged") == ["model.py:12:9 print-call"]
    repo.commit()
    repo.write(model=GUARDED)
    repo.git("add", "-A")
    assert g2("scan", "--staged", "--likely").out.startswith("Nothing new")


def test_what_is_only_known_better_is_not_new(repo: Repository, g2: Here) -> None:
    # What another file hands in is known to be a tensor now: the helper itself is as it was.
    repo.commit(helper=HELPER, net=CALLER.replace("scaled(x)", "scaled(x if x is not None else 3)"))
    place = ["helper.py:2:8 tensor-branch"]
    assert (g2.lines("--sure"), g2.lines("--all")) == ([], place)
    repo.write(net=CALLER)
    repo.git("add", "-A")
    assert g2.lines("--sure") == place
    assert g2.lines("--staged") == []


def test_links_that_lead_in_a_circle(repo: Repository, g2: Here) -> None:
    (repo.folder / "loop.py").symlink_to("loop.py")
    (repo.folder / "folder").symlink_to(".")
    repo.commit(model=BROKEN)
    assert g2.lines() == ["model.py:12:9 print-call"]
    assert g2.lines("folder") == ["model.py:12:9 print-call"]
    said = g2("scan", "loop.py")
    assert (said.code, said.err.startswith("g2: loop.py cannot be read: ")) == (2, True)


def test_from_a_folder_inside(repo: Repository, g2: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit(model=MODEL, pkg__net=MODEL)
    repo.write(pkg__net=BROKEN)
    repo.git("add", "-A")
    monkeypatch.chdir(repo.folder / "pkg")
    assert g2.lines() == g2.lines("--staged") == g2.lines("net.py") == g2.lines(".") == ["net.py:12:9 print-call"]
    assert g2.lines("--base", "HEAD") == ["net.py:12:9 print-call"]
