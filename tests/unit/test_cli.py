"""The command line: what it takes, where its words go, and the exit code of everything. No script
is run here.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import samples

from g2.capture.launch import LaunchError, Options
from g2.capture.model import Session
from g2.cli.app import main
from g2.cli.store import Store


@dataclass
class Launched:
    """Stands in for capture.launch.run: remembers what was asked, gives back a session."""

    session: Session = field(default_factory=samples.session)
    error: BaseException | None = None
    asked: list[tuple[Options, dict[str, Any]]] = field(default_factory=list)

    def run(self, options: Options, record: Path, **more: Any) -> Session:
        assert record.is_dir()
        self.asked.append((options, more))
        if self.error is not None:
            raise self.error
        return self.session

    @property
    def options(self) -> Options:
        return self.asked[-1][0]


@pytest.fixture
def launched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Launched:
    """A folder with a train.py, an empty store, and nothing that is really run."""
    double = Launched()
    monkeypatch.setattr("g2.capture.launch.run", double.run)
    monkeypatch.setenv("G2_HOME", str(tmp_path / "home"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    Path("train.py").write_text("")
    return double


Capture = pytest.CaptureFixture[str]


# What belongs to whom


@pytest.mark.parametrize(
    ("words", "target"),
    [
        (["train.py"], ("train.py",)),
        (["train.py", "--once", "-o", "x", "-v"], ("train.py", "--once", "-o", "x", "-v")),
        (["train.py", "--", "--x"], ("train.py", "--", "--x")),
        (["--", "train.py", "-q"], ("train.py", "-q")),
        (["-m", "package.train", "--once", "-m"], ("-m", "package.train", "--once", "-m")),
        (["--once", "-m", "package.train"], ("-m", "package.train")),
    ],
)
def test_words_behind_the_script_are_the_scripts(launched: Launched, words: list[str], target: tuple[str, ...]) -> None:
    main(["explain", *words])
    assert launched.options.target == target


def test_options_reach_the_launcher(launched: Launched) -> None:
    words = "--once --backend aot_eager --compile a:b --compile C.d --calls 3 --then-stop"
    main(["explain", *words.split(), "--time-limit", "2.5", "train.py"])
    assert launched.options == Options(
        target=("train.py",),
        once=True,
        backend="aot_eager",
        compile=("a:b", "C.d"),
        calls=3,
        then_stop=True,
        time_limit=2.5,
    )


# Where words go


def test_terminal_report_goes_to_stderr(launched: Launched, capsys: Capture) -> None:
    assert main(["explain", "train.py"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "graph breaks at" in err


def test_machine_report_is_alone_on_stdout_and_the_script_is_moved(
    launched: Launched, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "--format", "json", "train.py"]) == 1
    out, err = capfd.readouterr()
    assert json.loads(out)["format"] == 1
    assert err == ""
    assert launched.asked[-1][1]["child_stdout"] == sys.stderr.fileno()


def test_output_file_leaves_the_streams_alone(launched: Launched, capfd: Capture) -> None:
    assert main(["explain", "-o", "report.json", "train.py"]) == 1
    assert launched.asked[-1][1]["child_stdout"] is None
    out, err = capfd.readouterr()
    assert out == ""
    assert "the report is in report.json" in err
    assert json.loads(Path("report.json").read_text())["format"] == 1
    assert sorted(p.name for p in Path().iterdir()) == ["report.json", "train.py"]


@pytest.mark.parametrize(
    ("name", "beginning"), [("r.md", "### g2: "), ("r.json", "{"), ("r.txt", "4 graph"), ("r", "4 graph")]
)
def test_the_ending_of_the_file_chooses_the_form(launched: Launched, name: str, beginning: str) -> None:
    main(["explain", "-q", "-o", name, "train.py"])
    assert Path(name).read_text().startswith(beginning)


def test_quiet_says_nothing_but_the_report(launched: Launched, capsys: Capture) -> None:
    main(["explain", "-q", "-o", "r.md", "train.py"])
    assert capsys.readouterr() == ("", "")


def test_report_is_shown_when_its_file_cannot_be_written(
    launched: Launched, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("g2.cli.publish.write_report", full)
    assert main(["explain", "-o", "r.json", "train.py"]) == 2
    err = capsys.readouterr().err
    assert "graph breaks at" in err
    assert err.index("graph breaks at") < err.index("r.json cannot be written: No space left")
    assert "g2 show --as json -o FILE" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "none/r.json"], "there is no folder none"),
        (["-o", "."], "is a folder"),
        (["-o", "x.foo"], "no form of this report has the ending .foo of x.foo; the endings are "),
        (["--format", "jsn"], "there is no format 'jsn'"),
        (["--only", "tensor-brnch"], "--only tensor-branch"),
        (["--only", "GB9999"], "there is no reason 'GB9999'"),
        (["--then-stop"], "--then-stop needs --calls"),
        (["--calls", "0"], "--calls"),
        (["--time-limit", "-1"], "--time-limit"),
        (["--onc"], "explain --once"),
        (["--limit"], "requires an argument"),
    ],
)
def test_wrong_use_is_refused_before_the_script_runs(
    launched: Launched, capsys: Capture, words: list[str], said: str
) -> None:
    before = set(Path().iterdir())
    assert main(["explain", *words, "train.py"][: 2 if words == ["--limit"] else None]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.startswith("g2: ")
    assert launched.asked == []
    assert set(Path().iterdir()) == before


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["explain"], "no script was named"),
        (["explain", "-m"], "no module was named"),
        (["explain", "trian.py"], "g2 explain train.py"),
        (["explain", "train"], "g2 explain train.py"),
        (["explain", "package.train"], "g2 explain -m package.train"),
        (["explian", "train.py"], "g2 explain"),
        (["train.py", "--x"], "g2 explain train.py --x"),
        (["why", "tensr-branch"], "g2 why tensor-branch"),
        (["why", "changing-sise"], "g2 why changing-size"),
        (["why", "GB9999"], "there is no reason or id 'GB9999'"),
        (["show", "nothing"], "there is no record 'nothing'"),
        (["show"], "g2 explain SCRIPT makes one"),
        (["--versoin"], "g2 --version"),
    ],
)
def test_mistakes_get_the_nearest_right_word(launched: Launched, capsys: Capture, argv: list[str], said: str) -> None:
    assert main(argv) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


# Exit codes


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"breaks": (), "recompiles": ()}, 0),
        ({}, 1),
        ({"exit_code": 3}, 3),
        ({"exit_code": 3, "breaks": (), "recompiles": ()}, 3),
        ({"exit_code": -11}, 139),
        ({"exit_code": -9}, 137),
        ({"exit_code": -2}, 130),
    ],
)
def test_exit_code(launched: Launched, changes: dict[str, Any], code: int) -> None:
    launched.session = samples.session(**changes)
    assert main(["explain", "train.py"]) == code


def test_a_filter_decides_what_counts(launched: Launched, capsys: Capture) -> None:
    assert main(["explain", "--only", "print-call", "train.py"]) == 0
    assert "4 other findings left out" in capsys.readouterr().err


def test_mine_leaves_libraries_out(launched: Launched, capsys: Capture) -> None:
    main(["explain", "--mine", "--format", "json", "train.py"])
    breaks = json.loads(capsys.readouterr().out)["breaks"]
    assert breaks and all(place["mine"] for place in breaks)


def test_launcher_that_refuses(launched: Launched, capsys: Capture) -> None:
    launched.error = LaunchError("torch is not installed", "pip install torch")
    assert main(["explain", "train.py"]) == 2
    assert capsys.readouterr().err == "g2: torch is not installed\n  try: pip install torch\n"
    assert Store.open().kept() == []


def test_full_disk_during_the_run(launched: Launched, capsys: Capture) -> None:
    launched.error = OSError(errno.ENOSPC, "No space left on device")
    assert main(["explain", "train.py"]) == 2
    assert "No space left on device" in capsys.readouterr().err


def test_report_is_shown_when_the_record_cannot_be_kept(
    launched: Launched, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Store, "save", full)
    assert main(["explain", "train.py"]) == 1
    err = capsys.readouterr().err
    assert "could not be kept (No space left on device)" in err
    assert "graph breaks at" in err


def test_ctrl_c(launched: Launched, capsys: Capture) -> None:
    launched.error = KeyboardInterrupt()
    assert main(["explain", "train.py"]) == 130
    assert capsys.readouterr().err.strip() == "g2: interrupted"


def test_a_fault_of_ours_is_one_line_and_a_file(launched: Launched, capsys: Capture) -> None:
    launched.error = RuntimeError("no \x1b[31msuch\nthing")
    assert main(["explain", "train.py"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "g2: a fault in g2 itself: RuntimeError: no such thing"
    details = Path(lines[1].removeprefix("  details: "))
    assert "Traceback" in details.read_text()
    assert details.stat().st_mode & 0o077 == 0
    assert len(lines) == 2


# show, why, and the rest


def test_show_draws_the_last_report_again(launched: Launched, capsys: Capture) -> None:
    assert main(["explain", "train.py"]) == 1
    first = capsys.readouterr().err
    assert main(["show"]) == 1
    assert capsys.readouterr().out.strip() == first.strip()
    assert main(["show", "--as", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["argv"] == ["train.py", "--epochs", "2"]
    assert len(launched.asked) == 1


def test_show_list(launched: Launched, capsys: Capture) -> None:
    assert main(["show", "--list"]) == 0
    assert "No record is kept yet" in capsys.readouterr().out
    main(["explain", "train.py", "--epochs", "2"])
    capsys.readouterr()
    assert main(["show", "--list"]) == 0
    out = capsys.readouterr().out
    assert "train.py --epochs 2" in out
    assert main(["show", out.split()[0]]) == 1


def test_show_of_a_newer_record(launched: Launched, capsys: Capture) -> None:
    Path("session.json").write_text('{"format": 99}')
    assert main(["show", "session.json"]) == 2
    err = capsys.readouterr().err
    assert "format 99" in err
    assert "pip install --upgrade g2-torch" in err


def test_show_output_file(launched: Launched, capsys: Capture) -> None:
    main(["explain", "-q", "-o", "r.txt", "train.py"])
    assert main(["show", "-o", "r.md"]) == 1
    assert Path("r.md").read_text().startswith("### g2:")


def test_why_lists_and_explains(capsys: Capture) -> None:
    assert main(["why"]) == 0
    assert "tensor-branch" in capsys.readouterr().out
    assert main(["why", "tensor-branch"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("tensor-branch: ")
    assert "What to write instead" in text
    assert main(["why", "changing_size"]) == 0
    assert capsys.readouterr().out.startswith("changing-size: ")
    assert main(["why", "gb170"]) == 0
    assert "GB0170" in capsys.readouterr().out


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["explain", "--help"], ["show", "-h"], ["why", "-h"]])
def test_help_teaches_by_example(argv: list[str], capsys: Capture) -> None:
    assert main(argv) == 0
    out = capsys.readouterr().out
    lines = [line for line in out.splitlines() if line.startswith("    g2 ")]
    assert len(lines) >= 3
    assert "Examples:" in out


def test_g2_alone_is_wrong_use(capsys: Capture) -> None:
    assert main([]) == 2
    assert "Usage: g2" in "".join(capsys.readouterr())


def test_version(capsys: Capture) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("g2 ")


# The real process


def g2(*argv: str, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "g2.cli", *argv]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **more)


def test_ascii_streams_do_not_crash() -> None:
    done = g2("why", env={**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert done.returncode == 0
    done.stdout.encode("ascii")


def test_a_reader_that_stops_early_is_no_error() -> None:
    command = f"{sys.executable} -m g2.cli why | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams(closed: str, tmp_path: Path) -> None:
    command = f"{sys.executable} -m g2.cli explain {tmp_path}/none.py {closed}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_full_stdout() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "g2.cli", "why"],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "g2: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize("argv", [["--help"], ["why"], ["why", "tensor-branch"], ["explain", "--help"]])
def test_start_up_is_light(argv: list[str]) -> None:
    code = (
        "import sys, time\n"
        "from g2.cli.app import main\n"
        f"main({argv!r})\n"
        "heavy = {'torch', 'numpy', 'libcst', 'triton'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "print(time.process_time(), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    # Half again the budget of 0.3 s, since a shared machine's clock runs unevenly.
    assert float(done.stderr) < 0.45
