"""Making a forked process invisible and harmless: it may compute and read, and nothing else.

Fences: every inherited descriptor leads to /dev/null; memory shared with other processes becomes the child's own;
an audit hook refuses what would change anything outside the process (PEP 578); where the kernel has Landlock, it
refuses the same to C and C++ code, which the audit hook does not see.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import signal
import stat
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_EVENTS = frozenset(
    (
        "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
        "os.chown", "os.chflags", "os.utime", "os.setxattr", "os.removexattr", "os.kill", "os.killpg", "os.system",
        "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "os.fork", "os.forkpty", "os.lockf",
        "subprocess.Popen", "pty.spawn", "sqlite3.connect", "urllib.Request", "webbrowser.open", "tempfile.mkstemp",
        "tempfile.mkdtemp", "fcntl.flock", "fcntl.lockf", "fcntl.ioctl", "signal.pthread_kill", "resource.setrlimit",
    )
)  # fmt: skip
_PREFIXES = (
    "shutil.", "socket.", "ftplib.", "http.client.", "smtplib.", "imaplib.", "poplib.", "telnetlib.", "syslog.",
    "nntplib.",
)  # fmt: skip
# What starting a compiler, and sharing a cache with others, takes.
_STARTING = frozenset(
    ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.exec", "fcntl.flock", "fcntl.lockf", "os.kill", "os.killpg")
)
_FILES = frozenset(
    (
        "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
        "os.utime", "shutil.rmtree", "shutil.move", "shutil.copyfile", "shutil.copymode", "shutil.copystat",
        "shutil.copytree", "tempfile.mkstemp", "tempfile.mkdtemp",
    )
)  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_NULL = os.devnull


class Forbidden(PermissionError):
    """An effect that a repeated call must not have. Code meets it as a read-only machine would answer."""

    raised = 0  # how often, so that a caller notices one that was caught inside
    forks = False  # whether a fork is one of ours
    inside: tuple[str, ...] = ()  # folders in which files may be changed


def become_quiet(*, seconds: int, inside: Sequence[Path] = ()) -> list[str]:
    """Raise the fences around this (forked, single-threaded) process. Returns the names of those that are missing.

    inside: folders in which files may be changed, as a compiler has to. Then programs may be started too: what they do
    outside of these the kernel alone refuses.
    """
    missing = []
    Forbidden.inside = tuple(os.path.realpath(folder) for folder in inside)
    for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.alarm(seconds)
    sys.settrace(None)
    sys.setprofile(None)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # short of memory, the kernel takes this process first
    if not own_shared_memory():
        missing.append("private memory")
    if not _landlock(Forbidden.inside):
        missing.append("landlock")
    sys.addaudithook(_refuse)
    return missing


def fork() -> int:
    """os.fork(), from behind the fences too: the new process is behind them as well."""
    Forbidden.forks = True
    try:
        return os.fork()
    finally:
        Forbidden.forks = False


def silence_descriptors(keep: set[int]) -> None:
    """Point every open descriptor except `keep` at /dev/null, so that offsets of shared files stay where they are."""
    folder = Path("/proc/self/fd") if Path("/proc/self/fd").is_dir() else Path("/dev/fd")
    null = os.open(_NULL, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    for number in [int(entry.name) for entry in folder.iterdir()]:
        if number not in keep and number != null:
            with contextlib.suppress(OSError):  # the descriptor of the listing itself is gone by now
                os.fstat(number)
                os.dup2(null, number, inheritable=number < 3)


def own_shared_memory(limit: int = 4 << 30) -> bool:
    """Replace writable shared mappings (tensors of data workers, memory maps, locks) by private copies. Linux only.

    False when that is not possible: more than `limit` bytes, or no /proc.
    """
    try:
        lines = Path("/proc/self/maps").read_text(errors="replace").splitlines()
    except OSError:
        return False
    regions = []
    for line in lines:
        bounds, rights, *_ = line.split()
        if rights[1] == "w" and rights[3] == "s":
            start, end = (int(text, 16) for text in bounds.split("-"))
            regions.append((start, end - start))
    if sum(size for _, size in regions) > limit:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    fixed = 0x10  # MAP_FIXED on Linux, not in the mmap module
    for start, size in regions:
        content = ctypes.string_at(start, size)
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | fixed
        if libc.mmap(start, size, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0) != start:
            return False
        ctypes.memmove(start, content, size)
    return True


def _refuse(event: str, args: tuple[Any, ...]) -> None:
    if event == "open":
        if not _may_open(args):
            Forbidden.raised += 1
            raise Forbidden(1, f"g2 does not repeat effects: open {args[0]!r}")
    elif (event == "os.fork" and Forbidden.forks) or _inside(event, args):
        return
    elif event in _EVENTS or event.startswith(_PREFIXES):
        Forbidden.raised += 1
        raise Forbidden(1, f"g2 does not repeat effects: {event}")


def _inside(event: str, args: tuple[Any, ...]) -> bool:
    """Whether a compiler does this in its own folders."""
    if not Forbidden.inside:
        return False
    if event in _STARTING:
        return True
    paths = [value for value in args[:2] if isinstance(value, (str, bytes, os.PathLike))]
    return event in _FILES and bool(paths) and all(_below(path) for path in paths)


def _below(path: Any) -> bool:
    real = os.path.realpath(os.fsdecode(path))
    return any(real == folder or real.startswith(folder + os.sep) for folder in Forbidden.inside)


def _may_open(args: tuple[Any, ...]) -> bool:
    path, mode, flags = args
    if path == _NULL or (Forbidden.inside and isinstance(path, (str, bytes, os.PathLike)) and _below(path)):
        return True
    if isinstance(path, int):  # an inherited descriptor leads nowhere, and one of our own was asked for before
        return True
    if isinstance(mode, str) and set(mode) & set("wax+"):
        return False
    if isinstance(flags, int) and flags & _WRITING:
        return False
    try:
        kind = os.stat(path).st_mode  # noqa: PTH116  # also for a path given as bytes
    except (OSError, ValueError, TypeError):
        return True  # opening it will say what is wrong
    # Reading from a pipe or a terminal takes something away from whoever else reads it.
    return stat.S_ISREG(kind) or stat.S_ISDIR(kind) or os.fspath(path) in ("/dev/urandom", "/dev/random", "/dev/zero")


def _landlock(inside: Sequence[str]) -> bool:
    """Forbid this process every change of the file system but below `inside`, and TCP, in the kernel (Landlock, Linux
    5.13 and newer).
    """
    if sys.platform != "linux":
        return False
    create, add_rule, restrict, no_new_privileges = 444, 445, 446, 38  # the same numbers on every architecture
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        abi = libc.syscall(create, None, ctypes.c_size_t(0), 1)
        if abi < 1:
            return False
        # WRITE_FILE, then REMOVE_DIR to MAKE_SYM; REFER from 2, TRUNCATE from 3; network from 4.
        rights = 1 << 1 | sum(1 << bit for bit in range(4, 13))
        rights |= (1 << 13 if abi >= 2 else 0) | (1 << 14 if abi >= 3 else 0)
        fields = (ctypes.c_uint64 * 2)(rights, 3 if abi >= 4 else 0)
        size = ctypes.c_size_t(16 if abi >= 4 else 8)
        ruleset = libc.syscall(create, ctypes.byref(fields), size, 0)
        if ruleset < 0 or libc.prctl(no_new_privileges, 1, 0, 0, 0) != 0:
            return False
        for path, allowed in ((_NULL, 1 << 1), *((folder, rights) for folder in inside)):  # 1 << 1 is WRITE_FILE
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            libc.syscall(add_rule, ruleset, 1, struct.pack("=Qi", allowed, place), 0)
            os.close(place)
        done = libc.syscall(restrict, ruleset, 0) == 0
        os.close(ruleset)
        return bool(done)
    except (OSError, AttributeError):
        return False
