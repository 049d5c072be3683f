"""How a script ends, and what stays of the run: exit codes, signals, streams, forks, full disks."""

from __future__ import annotations

import os
import pty
import resource
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from whole import NET, Done, Place, until


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    here = Place(tmp_path)
    yield here
    here.check_clean()


ENDS = {
    "falls off its end": ("print('done')", 0),
    "sys.exit(3)": ("import sys\nprint('bye')\nsys.exit(3)", 3),
    "sys.exit with a message": ("import sys\nsys.exit('no data')", 1),
    "os._exit(7)": ("import os\nprint('bye', flush=True)\nos._exit(7)", 7),
    "raises": ("def f():\n    raise ValueError('no')\nf()", 1),
    "raises from another": ("try:\n    {}['k']\nexcept KeyError as e:\n    raise RuntimeError('x') from e", 1),
    "raises a group": ("raise ExceptionGroup('many', [ValueError(1), TypeError(2)])", 1),
    "syntax error": ("def f(:\n    pass", 1),
    "bad indentation": ("if True:\nprint(1)", 1),
    "null byte": (b"print(1)\0", 1),
    "source that is not UTF-8": (b"print('caf\xe9')", 1),
    "source with its encoding": (b"# coding: latin-1\nprint(ascii('caf\xe9'))", 0),
    "empty file": ("", 0),
    "raises SystemExit inside atexit": ("import atexit, os\natexit.register(lambda: print('last'))", 0),
    "failing atexit": ("import atexit\natexit.register(int, 'x')\nprint('x')", 0),
    "thread that fails": ("import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start(); t.join()", 0),
    "daemon thread alive at exit": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        0,
    ),
    "missing import": ("import no_such_module_at_all", 1),
    "too deep recursion": ("def f(n):\n    return f(n + 1)\nf(0)", 1),
    "asyncio": (
        "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    raise OSError(5, 'x')\nasyncio.run(f())",
        1,
    ),
    "its own excepthook": ("import sys\nsys.excepthook = lambda *a: print('mine', a[1])\n1 / 0", 1),
    "warnings as errors": ("import warnings\nwarnings.simplefilter('error')\nwarnings.warn('w')", 1),
    "warning with a stack level": ("import warnings\ndef f():\n    warnings.warn('w', stacklevel=2)\nf()", 0),
    "sys.settrace": ("import sys\nn = []\nsys.settrace(lambda *a: n.append(1))\ndef f(): pass\nf()\nprint(len(n))", 0),
}


@pytest.mark.parametrize("text, code", ENDS.values(), ids=ENDS)
def test_ends_as_without_g2(place: Place, text: str | bytes, code: int) -> None:
    place.write("script.py", text)
    plain = place.python("script.py")
    done = place.g2("script.py")
    assert (done.code, done.out, done.err) == (plain.code, plain.out, plain.err)
    assert done.code == code
    assert done.report is not None
    assert done.report["exit_code"] == code


@pytest.mark.parametrize(
    "text, number",
    [
        ("import ctypes\nctypes.string_at(0)", signal.SIGSEGV),
        ("import os\nos.abort()", signal.SIGABRT),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", signal.SIGKILL),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)", signal.SIGTERM),
        ("raise KeyboardInterrupt", signal.SIGINT),
    ],
    ids=["SIGSEGV", "SIGABRT", "SIGKILL", "SIGTERM", "KeyboardInterrupt"],
)
def test_killed_by_a_signal_counts_as_in_a_shell(place: Place, text: str, number: int) -> None:
    place.write("script.py", f"print('before', flush=True)\n{text}\nprint('after')")
    plain = place.python("script.py")
    done = place.g2("script.py", preexec_fn=_no_core)
    assert (done.code, done.out, done.err) == (128 + number, "before\n", plain.err)
    assert plain.code == -number
    assert done.report is not None
    assert done.report["exit_code"] in (-number, 128 + number)


def _no_core() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@pytest.mark.torch
@pytest.mark.parametrize(
    "end, code",
    [
        ("import ctypes; ctypes.string_at(0)", 128 + 11),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 128 + 9),
        ("import os; os._exit(7)", 7),
        ("import os; os.closerange(0, 4096); net(torch.ones(3, 4)); os._exit(0)", 1),
        ("import sys; sys.exit(3)", 3),
    ],
    ids=["SIGSEGV", "SIGKILL", "os._exit", "all descriptors closed", "sys.exit"],
)
def test_what_was_seen_before_the_end_is_in_the_report(place: Place, end: str, code: int) -> None:
    place.write("script.py", f"{NET}\nnet(torch.ones(2, 4))\nnet(torch.ones(2, 4))\n{end}\n")
    done = place.g2("script.py", preexec_fn=_no_core)
    assert done.code == code
    assert done.places() == [("script.py", 11, "tensor-branch")]
    assert done.report is not None
    (root,) = done.report["roots"]
    assert root["calls"] >= 2
    assert done.err == ""


def test_stdin_is_the_scripts(place: Place) -> None:
    place.write("script.py", "import sys\nprint(input()); print(sys.stdin.read().upper())")
    done = place.g2("script.py", stdin="one\ntwo\nthree")
    assert (done.code, done.out) == (0, "one\nTWO\nTHREE\n")


def test_descriptors_that_a_shell_gave_reach_the_script(place: Place) -> None:
    place.write("script.py", "import os, sys\nprint(os.read(int(sys.argv[1]), 99))")
    receive, send = os.pipe()
    os.write(send, b"through")
    os.close(send)
    done = place.g2("script.py", str(receive), pass_fds=(receive,))
    os.close(receive)
    assert done.out == "b'through'\n"


@pytest.mark.slow
def test_a_gigabyte_of_output(place: Place) -> None:
    place.write("script.py", "import os\nchunk = b'x' * 63 + b'\\n'\nfor _ in range(1024): os.write(1, chunk * 16384)")
    begin = time.monotonic()
    with Path(os.devnull).open("wb") as nowhere:
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        process = subprocess.Popen(place.command("script.py"), cwd=place.work, env=place.environ, stdout=nowhere)
        peak = _peak_while_running(process)
    assert process.returncode == 0
    assert time.monotonic() - begin < 20
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 10
    assert peak < 200 << 20


def _peak_while_running(process: subprocess.Popen[bytes]) -> int:
    """The most memory, in bytes, that g2 itself (not its child) had."""
    peak = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak = max(
                [peak, *(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))]
            )
        except OSError:
            pass
        time.sleep(0.02)
    return peak


def test_much_output_through_the_terminal_takes_no_memory(place: Place) -> None:
    size = 40 << 20
    place.write("script.py", f"import os\nfor _ in range({size} // 65536): os.write(1, b'y' * 65535 + b'\\n')")
    master, slave = os.openpty()
    settings = termios.tcgetattr(slave)
    settings[1] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, settings)
    process = subprocess.Popen(
        place.command("script.py", options=("--once",)),
        cwd=place.work,
        env={**place.environ, "TERM": "xterm"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    seen = 0

    def read() -> None:
        nonlocal seen
        while True:
            try:
                data = os.read(master, 65536)
            except OSError:
                return
            if not data:
                return
            seen += data.count(b"y")

    reader = threading.Thread(target=read)
    reader.start()
    peak = _peak_while_running(process)
    reader.join(10)
    os.close(master)
    assert process.returncode == 0
    assert seen >= size - size // 65536
    assert peak < 120 << 20


class Terminal:
    """g2 in the foreground of a terminal of its own."""

    def __init__(self, place: Place, *words: str) -> None:
        self.place = place
        self.data = b""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.chdir(place.work)
            command = place.command(*words, options=("--once",))
            os.execve(command[0], command, {**place.environ, "TERM": "xterm"})

    def type(self, text: bytes) -> None:
        os.write(self.master, text)

    def read_until(self, text: bytes) -> None:
        while text not in self.data:
            self.data += os.read(self.master, 4096)

    def end(self) -> Done:
        try:
            while data := os.read(self.master, 65536):
                self.data += data
        except OSError:
            pass
        os.close(self.master)
        _, status = os.waitpid(self.pid, 0)
        text = self.data.decode(errors="replace")
        return Done(os.waitstatus_to_exitcode(status), text, "", self.place.read())


def test_a_question_at_the_terminal(place: Place) -> None:
    place.write("script.py", "name = input('name? ')\nprint('hello', name)")
    terminal = Terminal(place, "script.py")
    terminal.read_until(b"name? ")
    terminal.type(b"Ada\n")
    done = terminal.end()
    assert done.code == 0
    assert "hello Ada" in done.out


INTERRUPTED = f"""
{NET}
import pathlib, time
net(torch.ones(2, 4))
pathlib.Path('ready').touch()
time.sleep(60)
"""


@pytest.mark.torch
def test_ctrl_c_at_the_terminal_stops_the_script_and_reports(place: Place) -> None:
    place.write("script.py", INTERRUPTED)
    terminal = Terminal(place, "script.py")
    place.wait_for("ready")
    terminal.type(b"\x03")
    done = terminal.end()
    assert done.code == 128 + signal.SIGINT
    assert done.places() == [("script.py", 12, "tensor-branch")]
    assert "stopped by Ctrl-C" in done.lost
    assert done.out.count("Traceback") == 1
    assert "g2/" not in done.out.partition("KeyboardInterrupt")[0]


LOOP = """
import pathlib, signal, time
pathlib.Path('ready').touch()
while True:
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        print('not yet', flush=True)
        pathlib.Path('again').touch()
"""


@pytest.mark.parametrize("everybody", [True, False], ids=["process group", "g2 alone"])
def test_interrupt_without_a_terminal(place: Place, everybody: bool) -> None:
    place.write("script.py", "import pathlib, time\npathlib.Path('ready').touch()\ntime.sleep(60)")
    process = place.start("script.py")
    place.wait_for("ready")
    (os.killpg if everybody else os.kill)(process.pid, signal.SIGINT)
    done = place.end(process, 10)
    assert done.code == 128 + signal.SIGINT
    assert done.err.count("Traceback") == 1
    assert done.err.endswith("KeyboardInterrupt\n")
    assert "stopped by Ctrl-C" in done.lost


def test_a_script_may_take_ctrl_c_for_itself(place: Place) -> None:
    place.write("script.py", LOOP.replace("pathlib.Path('again').touch()", "break"))
    process = place.start("script.py")
    place.wait_for("ready")
    os.killpg(process.pid, signal.SIGINT)
    done = place.end(process, 10)
    assert (done.code, done.out, done.err) == (0, "not yet\n", "")
    assert done.lost == ""


def test_ctrl_c_twice_kills(place: Place) -> None:
    place.write("script.py", LOOP)
    process = place.start("script.py")
    place.wait_for("ready")
    os.killpg(process.pid, signal.SIGINT)
    place.wait_for("again")
    os.killpg(process.pid, signal.SIGINT)
    done = place.end(process, 10)
    assert done.code == 128 + signal.SIGKILL
    assert "stopped by Ctrl-C" in done.lost


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_g2_reaches_the_script(place: Place, number: signal.Signals) -> None:
    place.write("script.py", "import pathlib, time\npathlib.Path('ready').touch()\ntime.sleep(60)")
    process = place.start("script.py")
    place.wait_for("ready")
    process.send_signal(number)
    done = place.end(process, 10)
    assert done.code == 128 + number
    assert done.err == ""
    assert f"stopped by {number.name}" in done.lost


def test_a_script_may_end_well_on_sigterm(place: Place) -> None:
    place.write(
        "script.py",
        "import pathlib, signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit('saved'))\n"
        "pathlib.Path('ready').touch()\ntime.sleep(60)",
    )
    process = place.start("script.py")
    place.wait_for("ready")
    process.terminate()
    done = place.end(process, 10)
    assert (done.code, done.err) == (1, "saved\n")


def test_an_ignored_hangup_stays_ignored(place: Place) -> None:
    place.write("script.py", "import pathlib, time\npathlib.Path('ready').touch()\ntime.sleep(2)\nprint('through')")
    process = place.start("script.py", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    place.wait_for("ready")
    os.killpg(process.pid, signal.SIGHUP)
    done = place.end(process, 10)
    assert (done.code, done.out) == (0, "through\n")


def test_time_limit(place: Place) -> None:
    place.write("script.py", "import time\ntry:\n    time.sleep(60)\nfinally:\n    print('cleaned up', flush=True)")
    done = place.g2("script.py", options=("--once", "-q", "--time-limit", "1"))
    assert done.code == 128 + signal.SIGINT
    assert done.out == "cleaned up\n"
    assert "stopped after 1 seconds" in done.lost


@pytest.mark.torch
def test_g2_killed_leaves_the_script_running_and_the_store_whole(place: Place) -> None:
    place.write("script.py", INTERRUPTED.replace("time.sleep(60)", "time.sleep(1.5); pathlib.Path('through').touch()"))
    process = place.start("script.py", options=("-q",))
    place.wait_for("ready")
    process.kill()
    process.communicate(timeout=10)
    place.wait_for("through")
    until(lambda: not place.processes(), 60)  # those that look for hidden breaks end by themselves
    place.write("next.py", "print('next')")
    done = place.g2("next.py")
    assert (done.code, done.out) == (0, "next\n")
    listed = place.run([sys.executable, "-P", "-m", "g2.cli", "show", "--list"])
    assert "script.py" in listed.out
    assert "not finished" in listed.out
    for run in (place.state / "runs").iterdir():  # what check_clean wants gone is what the killed one was writing
        if not (run / "session.json").exists():
            assert (run / "about.json").exists()
            for path in run.iterdir():
                path.unlink()
            run.rmdir()


FORKS = """
import os, sys
sys.stdout.flush()
pid = os.fork()
if pid == 0:
    print('child', flush=True)
    {end}
os.waitpid(pid, 0)
print('parent')
"""


@pytest.mark.parametrize("end", ["os._exit(5)", "sys.exit(0)", "raise ValueError('child')"])
def test_fork(place: Place, end: str) -> None:
    place.write("script.py", FORKS.format(end=end))
    plain = place.python("script.py")
    done = place.g2("script.py")
    assert (done.code, done.out, done.err) == (plain.code, plain.out, plain.err)


@pytest.mark.torch
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_that_run_models_have_a_record_each(place: Place, method: str) -> None:
    place.write(
        "script.py",
        f"""{NET}
import multiprocessing

def work(n):
    torch.set_num_threads(1)
    for _ in range(n):
        net(torch.ones(2, 4))

if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    {"work(2)" if method == "spawn" else "pass"}
    processes = [context.Process(target=work, args=(n,)) for n in ((3,) if "{method}" == "spawn" else (3, 4))]
    for p in processes: p.start()
    for p in processes: p.join()
    print([p.exitcode for p in processes])
""",
    )
    done = place.g2("script.py")
    assert done.code == 1, done.err
    assert done.out == ("[0]\n" if method == "spawn" else "[0, 0]\n")
    assert done.err == ""
    assert done.lost == ""
    assert done.report is not None
    assert sum(root["calls"] for root in done.report["roots"]) == (5 if method == "spawn" else 7)
    assert done.places() == [("script.py", 11, "tensor-branch")]


@pytest.mark.torch
def test_a_fork_does_not_count_its_parents_calls_again(place: Place) -> None:
    place.write(
        "script.py",
        f"{NET}\ntorch.set_num_threads(1)\nimport os\nnet(torch.ones(2, 4))\nif os.fork() == 0:\n"
        "    net(torch.ones(2, 4)); net(torch.ones(2, 4)); raise SystemExit(0)\nos.wait()\n",
    )
    done = place.g2("script.py")
    assert done.report is not None
    assert [root["calls"] for root in done.report["roots"]] == [3]
    assert done.lost == ""
    assert done.err == ""


def test_two_at_once_in_one_folder(place: Place) -> None:
    place.write("script.py", "import sys, time\ntime.sleep(1)\nprint(sys.argv[1])\nsys.exit(int(sys.argv[1]))")
    commands = [
        [*place.command("script.py", str(n))[:-4], "-o", f"{place.report}{n}.json", "script.py", str(n)] for n in (4, 5)
    ]
    running = [
        subprocess.Popen(c, cwd=place.work, env=place.environ, stdout=subprocess.PIPE, text=True) for c in commands
    ]
    assert [p.communicate(timeout=60)[0] for p in running] == ["4\n", "5\n"]
    assert [p.returncode for p in running] == [4, 5]
    assert len(list((place.state / "runs").iterdir())) == 2


@pytest.mark.torch
def test_a_disk_that_fills_up_during_the_run(place: Place) -> None:
    place.write(
        "script.py",
        f"{NET}\nfor n in range(20):\n    torch._dynamo.reset()\n    net(torch.ones(2, 4))\nprint('through')\n",
    )
    small = 9000  # bytes in any one file: room for the first events only

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (small, small))

    done = place.run([*place.command("script.py")[:-3], "script.py"], preexec_fn=limited)
    assert done.out == "through\n"
    assert done.code == 1
    assert "script.py:11" in done.err
    assert "stops early: File too large" in " ".join(done.err.split())
    assert "Traceback" not in done.err


def _mounted(folder: Path, size: int) -> bool:
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], capture_output=True)
    return done.returncode == 0


@pytest.mark.torch
@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can mount a small disk")
@pytest.mark.parametrize("free", [0, 4096, 40960])
def test_a_real_full_disk(place: Place, tmp_path: Path, free: int) -> None:
    disk = tmp_path / "disk"
    if not _mounted(disk, 1 << 20):
        pytest.skip("mounting is not permitted here")
    try:
        (disk / "runs").mkdir(mode=0o700)
        with (disk / "filler").open("wb", buffering=0) as filler:
            for size in (1 << 12, 1):
                try:
                    while True:
                        filler.write(b"x" * size)
                except OSError:
                    continue
            filler.truncate(filler.tell() - free)
        place.write(
            "script.py",
            f"{NET}\nfor n in range(60):\n    torch._dynamo.reset()\n    net(torch.ones(2, 4))\nprint('through')\n",
        )
        done = place.g2("script.py", environ={"G2_HOME": str(disk)})
        assert "Traceback" not in done.err
        assert "fault" not in done.err
        if free == 0:
            assert (done.code, done.out) == (2, "")
            assert "No space left on device" in done.err
            assert "G2_HOME" in done.err
        elif free == 4096:
            assert done.code in (1, 2)
            assert "No space left on device" in done.err + (done.lost if done.report else "")
        else:
            assert (done.code, done.out) == (1, "through\n")
            assert done.places() == [("script.py", 11, "tensor-branch")]
            assert "stops early: No space left on device" in done.lost
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("home", ["/dev/null/g2", "/proc/g2"])
def test_a_state_folder_that_cannot_be_written(place: Place, home: str) -> None:
    place.write("script.py", "print('ran')")
    done = place.g2("script.py", options=("--once",), environ={"G2_HOME": home})
    assert (done.code, done.out) == (0, "ran\n")
    assert f"{home} cannot be written" in done.err
    for path in sorted(place.temporary.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def test_nowhere_to_write_at_all(place: Place) -> None:
    place.write("script.py", "print('ran')")
    command = place.command("script.py")
    nowhere = {"G2_HOME": "/dev/null/g2", "TMPDIR": "/dev/null", "PYTHONPATH": str(place.work / "early")}
    place.write("early/sitecustomize.py", "import tempfile\ntempfile._candidate_tempdir_list = lambda: ['/dev/null']\n")
    done = place.run(command, environ=nowhere)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("g2: ")
    assert "try: " in done.err
    assert "fault" not in done.err
    assert "Traceback" not in done.err
