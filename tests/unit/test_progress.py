"""The line of progress and a script's output on one terminal: a real pseudo-terminal, real processes."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time

import pytest

from g2.capture.tail import Progress
from g2.cli.progress import describe

DRIVER = """
import subprocess, sys
from g2.capture.tail import Progress
from g2.cli.progress import streams

with streams(report_on_stdout={moved}, quiet={quiet}) as script:
    child = subprocess.Popen(
        [sys.executable, "-c", {code!r}], stdout=script.stdout, stderr=script.stderr
    )
    while True:
        try:
            child.wait(0.05)
            break
        except subprocess.TimeoutExpired:
            script.show(Progress(12, 4, 2, 1, 3.0, "running"))
print("report", file=sys.stderr)
"""
LINE = "g2: 12 calls, 4 graphs, 2 breaks, 1 recompile, 3.0 s"


def run_on_terminal(
    code: str,
    *,
    moved: bool = False,
    quiet: bool = False,
    stdout: int | None = None,
    columns: int = 80,
    resize: int | None = None,
) -> tuple[str, int]:
    """What a driver that runs `code` sends to a terminal, and its exit code."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER.format(code=code, moved=moved, quiet=quiet)],
        stdin=slave,
        stdout=slave if stdout is None else stdout,
        stderr=slave,
        env={**os.environ, "TERM": "xterm"},
        start_new_session=True,
    )
    os.close(slave)
    data = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        ready, _, _ = select.select([master], [], [], 0.1)
        if ready:
            try:
                more = os.read(master, 65536)
            except OSError:
                break
            if not more:
                break
            data += more
        if resize is not None and b"ready" in data:
            fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 25, resize, 0, 0))
            os.killpg(driver.pid, 28)  # SIGWINCH; the kernel sends it on a controlling terminal
            resize = None
    code_ = driver.wait(10)
    os.close(master)
    return data.decode(), code_


def screen(data: str) -> list[str]:
    """What a terminal shows after `data`: as much of one as the line of progress needs."""
    lines, column = [""], 0
    for part in re.findall(r"\x1b\[\d*[a-zA-Z]|\r|\n|[^\x1b\r\n]+", data):
        if part == "\r":
            column = 0
        elif part == "\n":
            lines.append("")
        elif part == "\x1b[K":
            lines[-1] = lines[-1][:column]
        elif not part.startswith("\x1b"):
            lines[-1] = lines[-1][:column] + part + lines[-1][column + len(part) :]
            column += len(part)
    return lines


def test_line_is_drawn_in_pauses_and_leaves_no_trace() -> None:
    code = (
        "import sys, time\n"
        "for i in range(4):\n"
        "    print('line', i, flush=True); time.sleep(0.4)\n"
        "    print('err', i, file=sys.stderr, flush=True)\n"
    )
    data, status = run_on_terminal(code)
    assert status == 0
    assert LINE in data
    expected = [text for i in range(4) for text in (f"line {i}", f"err {i}")]
    assert screen(data) == [*expected, "report", ""]


def test_no_line_while_the_script_is_in_the_middle_of_one() -> None:
    code = (
        "import sys, time\nfor i in range(8):\n    sys.stdout.write(f'\\r{i}/8'); sys.stdout.flush(); time.sleep(0.2)\n"
    )
    data, _ = run_on_terminal(code)
    shown = data.index("0/8")
    assert LINE not in data[shown:]
    assert screen(data)[0].startswith("7/8")


def test_no_line_while_the_script_has_the_whole_screen() -> None:
    code = (
        "import time\n"
        "print('\\x1b[?1049h', flush=True); time.sleep(0.6)\n"
        "print('in it', flush=True); time.sleep(0.4)\n"
        "print('\\x1b[?1049l', flush=True); time.sleep(0.6)\n"
    )
    data, _ = run_on_terminal(code)
    inner = data[data.index("\x1b[?1049h") : data.index("\x1b[?1049l")]
    assert LINE not in inner
    assert LINE in data[data.index("\x1b[?1049l") :]


def test_script_still_sees_a_terminal_of_the_same_size() -> None:
    code = (
        "import os, sys\n"
        "print(sys.stdin.isatty(), sys.stdout.isatty(), sys.stderr.isatty(), "
        "os.get_terminal_size(1).columns, os.get_terminal_size(2).columns)\n"
    )
    data, _ = run_on_terminal(code, columns=73)
    assert "True True True 73 73" in data


def test_script_is_told_of_a_new_size() -> None:
    code = (
        "import os, signal, time\n"
        "seen = []\n"
        "signal.signal(signal.SIGWINCH, lambda *_: seen.append(os.get_terminal_size(1).columns))\n"
        "print('ready', flush=True)\n"
        "end = time.monotonic() + 10\n"
        "while time.monotonic() < end and 61 not in seen: time.sleep(0.05)\n"
        "print('seen', seen[-1:])\n"
    )
    data, _ = run_on_terminal(code, columns=80, resize=61)
    assert "seen [61]" in data


def test_bytes_arrive_as_they_are_and_all_of_them() -> None:
    code = (
        "import sys\n"
        "for i in range(20000): sys.stdout.write(f'{i:06d} caf\\u00e9 \\x1b[31mred\\x1b[0m\\n')\n"
        "sys.stdout.write('end without newline')\n"
    )
    data, _ = run_on_terminal(code)
    assert [int(n) for n in re.findall(r"(\d{6}) café \x1b\[31mred", data)] == list(range(20000))
    assert "\r\r\n" not in data
    assert "end without newline" in data


def test_line_never_wraps() -> None:
    data, _ = run_on_terminal("import time; time.sleep(0.5)", columns=20)
    assert "g2: 12 calls, 4 gra\x1b[0m" in data


def test_quiet_and_redirected_stdout() -> None:
    data, _ = run_on_terminal("import time; time.sleep(0.5); print('x')", quiet=True)
    assert screen(data) == ["x", "report", ""]
    read, write = os.pipe()
    code = "import sys, time; time.sleep(0.5); print('out', sys.stdout.isatty())"
    data, _ = run_on_terminal(code, stdout=write)
    os.close(write)
    with os.fdopen(read) as pipe:
        assert pipe.read() == "out False\n"
    assert LINE in data
    assert screen(data) == ["report", ""]


def test_stdout_is_moved_to_the_terminal_for_a_machine_report() -> None:
    read, write = os.pipe()
    data, _ = run_on_terminal("print('from the script')", moved=True, stdout=write)
    os.close(write)
    with os.fdopen(read) as pipe:
        assert pipe.read() == ""
    assert "from the script" in data


def test_a_process_that_stays_behind_does_not_hold_g2() -> None:
    code = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(8)'])\n"
        "print('done')\n"
    )
    begun = time.monotonic()
    data, status = run_on_terminal_until_report(code)
    assert status == 0
    assert "done" in data
    assert time.monotonic() - begun < 7


def run_on_terminal_until_report(code: str) -> tuple[str, int]:
    """As run_on_terminal, but waits for the driver only, not for the end of the terminal."""
    master, slave = os.openpty()
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER.format(code=code, moved=False, quiet=False)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "xterm"},
        start_new_session=True,
    )
    status = driver.wait(30)
    data = os.read(master, 65536).decode()
    os.close(slave)
    os.close(master)
    return data, status


def test_without_a_terminal_nothing_is_drawn() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            DRIVER.format(code="import time; time.sleep(0.4); print('x')", moved=False, quiet=False),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "x\n"
    assert done.stderr == "report\n"


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress(0, 0, 0, 0, 0.2, "running"), "g2: 0 calls, 0 graphs, 0 breaks, 0 s"),
        (Progress(12, 4, 2, 1, 3.0, "running"), LINE),
        (
            Progress(1, 1, 1, 0, 61.0, "looking behind breaks"),
            "g2: 1 call, 1 graph, 1 break, 61.0 s (looking behind breaks)",
        ),
    ],
)
def test_description(progress: Progress, text: str) -> None:
    assert describe(progress) == text
