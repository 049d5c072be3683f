"""The parent's side of a run, with scripts that import no torch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from g2.capture import launch
from g2.capture.forks import Forks
from g2.capture.job import NAME, Job
from g2.capture.launch import LaunchError, Options
from g2.capture.model import Session
from g2.capture.signals import Signals
from g2.capture.tail import Progress, Tail


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "record"
    folder.mkdir()
    return folder


def script(text: str) -> str:
    Path("script.py").write_text(text, "utf-8")
    return "script.py"


def run(record: Path, text: str, *words: str, **more: object) -> Session:
    return launch.run(Options((script(text), *words), once=True), record, **more)  # type: ignore[arg-type]


def test_exit_code_and_words(record: Path) -> None:
    session = run(record, "import sys; sys.exit(len(sys.argv))", "a", "b c", "")
    assert session.exit_code == 4
    assert session.argv == ("script.py", "a", "b c", "")
    assert session.torch is None
    assert session.lost == ()


def test_the_job_reaches_the_script(record: Path) -> None:
    options = Options((script(""),), backend="aot_eager", compile=("m:f",), calls=3, then_stop=True)
    launch.run(options, record)
    assert Job.read(record) == Job("aot_eager", ("m:f",), True, 3, True)


def test_a_job_that_cannot_be_read_is_the_usual_one(tmp_path: Path) -> None:
    assert Job.read(tmp_path) == Job()
    (tmp_path / NAME).write_text("{")
    assert Job.read(tmp_path) == Job()
    (tmp_path / NAME).write_text(json.dumps({"backend": "eager", "of a later g2": 1}))
    assert Job.read(tmp_path) == Job("eager")


def test_progress_is_told_while_the_script_runs(record: Path) -> None:
    told: list[Progress] = []
    run(record, "import time; time.sleep(0.5)", on_progress=told.append)
    assert told[0].phase == "running"
    assert told[-1].phase == "folding"
    assert [p.seconds for p in told] == sorted(p.seconds for p in told)


def test_a_run_beside_the_main_thread(record: Path) -> None:
    found: list[Session] = []
    thread = threading.Thread(target=lambda: found.append(run(record, "raise SystemExit(3)")))
    thread.start()
    thread.join(30)
    assert [s.exit_code for s in found] == [3]


def test_handlers_are_put_back(record: Path) -> None:
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    run(record, "")
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_script_may_be_stopped_while_progress_is_drawn(record: Path) -> None:
    """The signal comes in the callback, where an exception would leave the script without a parent."""
    sent: list[bool] = []

    def drawing(_: Progress) -> None:
        if not sent and Path("ready").exists():
            sent.append(True)
            os.kill(os.getpid(), signal.SIGINT)

    text = "import pathlib, time; pathlib.Path('ready').touch(); time.sleep(60)"
    session = run(record, text, on_progress=drawing, child_stderr=subprocess.DEVNULL)
    assert session.exit_code == -signal.SIGINT
    assert "stopped by Ctrl-C" in session.lost[0]


def test_time_limit_kills_what_does_not_stop(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_GRACE", 0.3)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as under nohup: the script inherits it
    try:
        session = launch.run(Options((script("import time; time.sleep(60)"),), once=True, time_limit=0.5), record)
    finally:
        signal.signal(signal.SIGINT, before)
    assert session.exit_code == -signal.SIGKILL
    assert session.lost == ("the run was stopped after 0.5 seconds (--time-limit)",)


@pytest.mark.parametrize(
    "target, said",
    [
        ((), "no script"),
        (("-m",), "name of a module"),
        (("-",), "stdin"),
        (("missing.py",), "no file missing.py"),
        (("record",), "without a __main__.py"),
    ],
)
def test_what_cannot_work_is_refused(record: Path, target: tuple[str, ...], said: str) -> None:
    with pytest.raises(LaunchError, match=said) as refused:
        launch.run(Options(target), record)
    assert refused.value.hint
    assert list(record.iterdir()) == []


def test_python_that_cannot_be_started(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(record / "no-python"))
    with pytest.raises(LaunchError, match="Python could not be started"):
        run(record, "")


def test_a_zero_byte_in_an_argument_is_refused(record: Path) -> None:
    with pytest.raises(LaunchError, match="Python could not be started"):
        run(record, "", "a\0b")


def test_a_record_folder_that_cannot_be_written(record: Path) -> None:
    with pytest.raises(OSError):
        run(record / "gone", "")


def sleeper(text: str = "import time; time.sleep(60)") -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", text])


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_forks_are_waited_for_and_stopped(tmp_path: Path) -> None:
    child = sleeper()
    lines = [
        {"e": "fork", "pid": child.pid, "journal": "hidden-1-0.jsonl"},
        {"e": "fork", "pid": 2**22 + 1, "journal": "hidden-1-1.jsonl"},  # beyond what a process id can be
    ]
    text = "".join(json.dumps(e, separators=(",", ":")) + "\n" for e in lines)
    (tmp_path / "journal-1.jsonl").write_text(text + '{"e":"fork","pid":')
    forks = Forks(tmp_path)
    assert set(forks.running()) == {child.pid}
    looks: list[int] = []
    notes = forks.wait(lambda: looks.append(1), lambda: len(looks) > 2)
    assert notes == ("the search for hidden breaks was stopped by a signal",)
    assert child.wait(10) == -signal.SIGKILL
    assert forks.running() == {}


def test_a_fork_whose_journal_has_ended_is_not_waited_for(tmp_path: Path) -> None:
    child = sleeper()
    try:
        event = {"e": "fork", "pid": child.pid, "journal": "hidden-1-0.jsonl"}
        (tmp_path / "journal-1.jsonl").write_text(json.dumps(event, separators=(",", ":")) + "\n")
        (tmp_path / "hidden-1-0.jsonl").write_text('{"e":"start"}\n{"e":"end","t":1}\n')
        assert Forks(tmp_path).wait(lambda: None, lambda: False) == ()
    finally:
        child.kill()
        child.wait()


def test_forks_that_take_too_long_are_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("g2.capture.forks._LIMIT", 0.2)
    child = sleeper()
    event = {"e": "fork", "pid": child.pid, "journal": "hidden-1-0.jsonl"}
    (tmp_path / "journal-1.jsonl").write_text(json.dumps(event, separators=(",", ":")) + "\n")
    (note,) = Forks(tmp_path).wait(lambda: None, lambda: False)
    assert "0.2 seconds after the script's end" in note
    assert child.wait(10) == -signal.SIGKILL


CAREFUL = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: pathlib.Path(sys.argv[1]).open('a').write('x'))
pathlib.Path(sys.argv[1]).touch()
until = time.monotonic() + 60
while time.monotonic() < until: time.sleep(0.05)
"""


def test_a_signal_is_passed_on_once_and_not_at_once(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    child = subprocess.Popen([sys.executable, "-c", CAREFUL, str(heard)])
    try:
        until(heard.exists)
        with Signals() as signals:
            os.kill(os.getpid(), signal.SIGTERM)
            signals.pass_on(child)
            time.sleep(0.2)
            assert heard.read_text() == ""
            until(lambda: signals.pass_on(child) or heard.read_text())
            for _ in range(20):
                signals.pass_on(child)
                time.sleep(0.01)
        assert heard.read_text() == "x"
        assert "SIGTERM" in signals.note()
    finally:
        child.kill()
        child.wait()


def test_tail_reads_each_line_once_and_only_whole_ones(tmp_path: Path) -> None:
    path = tmp_path / "journal-1.jsonl"
    tail = Tail(tmp_path)
    assert tail.progress(0, "running") == Progress(0, 0, 0, 0, 0, "running")
    path.write_text('{"e":"break","n":1}\n{"e":"graph"}\n{"e":"sta')
    assert tail.progress(1, "running") == Progress(0, 1, 1, 0, 1, "running")
    with path.open("a") as more:
        more.write('ts","roots":{"Net.forward@3":7,"f@1":2},"graphs":{}}\n{"e":"recompile"}\n{"e":"breakfast"}\n')
    (tmp_path / "journal-2.jsonl").write_text('{"e":"stats","roots":{"g@1":5},"graphs":{"0/0":[9,1]}}\n')
    assert tail.progress(2, "running") == Progress(14, 1, 1, 1, 2, "running")
    assert tail.progress(3, "running") == Progress(14, 1, 1, 1, 3, "running")
