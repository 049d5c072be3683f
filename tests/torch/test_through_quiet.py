"""The fences around a fork: what it may not do, and that the process it was forked from notices nothing of it."""

from __future__ import annotations

import ctypes
import json
import mmap
import multiprocessing
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from g2.capture.journal import Journal
from g2.capture.through import fork, limits, quiet

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes that use torch are forked on Linux only")


def in_fence(action: Callable[[], object]) -> str:
    """repr() of what `action` returns or raises in a fenced fork."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.dup2(send, 200)
            quiet.silence_descriptors({200})
            quiet.become_quiet(seconds=30)
            try:
                text = repr(action())
            except BaseException as error:  # the test looks at what came
                text = repr(error)
            os.write(200, text.encode())
        finally:
            os._exit(0)
    os.close(send)
    os.waitpid(child, 0)
    text = os.read(receive, 10_000).decode()
    os.close(receive)
    return text


REFUSED: dict[str, Callable[[Path], object]] = {
    "write": lambda path: path.write_text("x"),
    "append": lambda path: path.open("a"),
    "os.open": lambda path: os.open(path, os.O_RDWR),
    "remove": lambda path: path.unlink(),
    "rename": lambda path: path.rename(path.with_suffix(".new")),
    "mkdir": lambda path: path.with_suffix(".dir").mkdir(),
    "subprocess": lambda path: subprocess.run(["true"], check=True),
    "system": lambda path: os.system("true"),
    "fork": lambda path: os.fork(),
    "kill": lambda path: os.kill(os.getppid(), signal.SIGTERM),
    "socket": lambda path: socket.create_connection(("127.0.0.1", 9)),
    "sqlite": lambda path: sqlite3.connect(path.with_suffix(".db")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_effects_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("before")
    assert in_fence(lambda: REFUSED[name](path)).startswith("Forbidden")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]
    assert path.read_text() == "before"


def test_reading_and_the_null_device_are_allowed(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("before")
    assert in_fence(path.read_text) == "'before'"
    assert in_fence(lambda: Path(os.devnull).write_text("x")) == "1"


def test_code_without_audit_events_is_refused_by_the_kernel(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("before")
    if in_fence(lambda: quiet._landlock()) != "True":
        pytest.skip("this kernel has no Landlock")
    library = ctypes.CDLL(None)
    assert in_fence(lambda: library.open(bytes(path), os.O_WRONLY | os.O_TRUNC)) == "-1"
    assert path.read_text() == "before"


def test_open_files_and_sockets_lead_nowhere(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    left, right = socket.socketpair()
    right.setblocking(False)
    with (tmp_path / "file.txt").open("w+") as file:
        file.write("before")
        file.flush()

        def write() -> None:
            print("to stdout", flush=True)
            os.write(file.fileno(), b"after")
            os.lseek(file.fileno(), 0, os.SEEK_SET)
            os.write(left.fileno(), b"x")

        in_fence(write)
        assert file.tell() == 6
        assert (tmp_path / "file.txt").read_text() == "before"
    with pytest.raises(BlockingIOError):
        right.recv(1)
    assert capfd.readouterr().out == ""
    left.close()
    right.close()


def test_shared_memory_becomes_the_forks_own() -> None:
    tensor = torch.zeros(4).share_memory_()
    counter = multiprocessing.Value("i", 3)
    region = mmap.mmap(-1, 4096)

    def change() -> object:
        tensor.add_(1)
        counter.value += 1
        region[0] = 7
        return tensor.tolist(), counter.value, region[0]

    assert in_fence(change) == "([1.0, 1.0, 1.0, 1.0], 4, 7)"
    assert (tensor.tolist(), counter.value, region[0]) == ([0.0] * 4, 3, 0)


def events(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def wait_for(done: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until
        time.sleep(0.05)


def look(call: Callable[[], object], folder: Path, seconds: int = 60) -> tuple[fork.Fork | None, Journal]:
    journal = Journal(folder / "journal-1.jsonl")
    return fork.look_behind(call, root="f", folder=folder, journal=journal, seconds=seconds), journal


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_fork_is_nobodys_child_and_leaves_the_random_streams(tmp_path: Path) -> None:
    state, stream = random.getstate(), torch.get_rng_state()
    found, journal = look(lambda: (random.random(), torch.rand(3)), tmp_path)
    assert found is not None
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    (told,) = events(journal.path)
    assert told.pop("t")
    assert told == {"e": "fork", "pid": found.pid, "journal": found.journal.name}
    wait_for(lambda: found.journal.exists() and events(found.journal)[-1]["e"] == "end")
    wait_for(lambda: not running(found.pid))
    assert random.getstate() == state
    assert torch.equal(torch.get_rng_state(), stream)


def test_fork_that_takes_too_long_ends(tmp_path: Path) -> None:
    found, _ = look(lambda: [time.sleep(0.1) for _ in range(6000)], tmp_path, seconds=1)
    assert found is not None
    wait_for(lambda: found.journal.exists() and not running(found.pid))
    assert [event["e"] for event in events(found.journal)] == ["start"]


def test_call_that_raises_ends_the_fork_only(tmp_path: Path) -> None:
    def call() -> None:
        raise SystemExit(3)

    found, _ = look(call, tmp_path)
    assert found is not None
    wait_for(lambda: found.journal.exists() and events(found.journal)[-1]["e"] == "end")
    assert events(found.journal)[-1]["raised"] == "SystemExit: 3"


def test_dropped_fork_leaves_nothing(tmp_path: Path) -> None:
    found, _ = look(lambda: time.sleep(600), tmp_path)
    assert found is not None
    wait_for(found.journal.exists)
    found.drop()
    wait_for(lambda: not running(found.pid))
    assert not found.journal.exists()


def test_what_cannot_be_forked_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    first, _ = look(lambda: None, tmp_path)
    second, journal = look(lambda: None, tmp_path)
    assert first is None and second is None
    (event,) = events(journal.path)
    assert event["e"] == "lost"
    assert "CUDA is in use" in str(event["what"])


def test_no_fork_of_a_large_process_or_elsewhere_than_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    assert limits.refusal() is None
    with monkeypatch.context() as patch:
        patch.setattr(limits, "_available", lambda: 1 << 20)
        assert "more than a third" in str(limits.refusal())
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "Linux only" in str(limits.refusal())
