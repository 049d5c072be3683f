"""What a call tells whoever looks on, in order: both streams (as descriptors and in sys), log records, warnings."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import tempfile
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import torch

from g2.rewrite.trial.deeds import Told
from g2.rewrite.trial.tensors import plain, qualified

# What Dynamo and Inductor say of their own work is not said by the program.
_COMPILER = tuple(str(Path(torch.__file__).parent / name) + os.sep for name in ("_dynamo", "_inductor", "_functorch"))
# Behind every filter, before every handler: also met by records of loggers that do not propagate.
_HANDLED = "callHandlers"


class Telling:
    """While open, listens; `told` is what was told, in order. Closing puts everything back."""

    def __init__(self) -> None:
        self._told: list[Told] = []
        self._files: dict[int, Any] = {}
        self._read: dict[int, int] = {}
        self._saved: dict[int, int | None] = {}
        self._streams: tuple[Any, Any] = (None, None)
        self._call_handlers: Any = getattr(logging.Logger, _HANDLED)
        self._warnings = warnings.catch_warnings()

    def __enter__(self) -> Self:
        self._streams = (sys.stdout, sys.stderr)
        _flush(self._streams)
        for descriptor in (1, 2):
            self._redirect(descriptor)
        for name, descriptor in (("stdout", 1), ("stderr", 2)):
            stream = getattr(sys, name)
            if stream is not None:
                setattr(sys, name, _Heard(stream, self, name, _number(stream) == descriptor))
        self._listen_to_logs()
        self._warnings.__enter__()  # also makes Python forget which warnings it has shown
        warnings.showwarning = self._warned
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._warnings.__exit__(kind, error, trace)
        setattr(logging.Logger, _HANDLED, self._call_handlers)
        _flush((sys.stdout, sys.stderr, *self._streams))
        sys.stdout, sys.stderr = self._streams
        self.drain()
        for descriptor, saved in self._saved.items():
            if saved is None:
                os.close(descriptor)
            else:
                os.dup2(saved, descriptor)
                os.close(saved)
            self._files[descriptor].close()

    @property
    def told(self) -> tuple[Told, ...]:
        """One entry per log record and warning; what was written to a stream between those is one entry."""
        return tuple(Told(told.kind, plain(told.text), told.what) for told in self._told)

    def hear(self, kind: str, text: str, what: str = "") -> None:
        """Note it behind everything written so far."""
        self.drain()
        self._note(kind, text, what)

    def drain(self) -> None:
        """Take what was written to the descriptors."""
        for descriptor, kind in ((1, "stdout"), (2, "stderr")):
            number = self._files[descriptor].fileno()
            if more := os.fstat(number).st_size - self._read[descriptor]:
                data = os.pread(number, more, self._read[descriptor])
                self._read[descriptor] += more
                self._note(kind, data.decode("utf-8", "backslashreplace"))

    def _note(self, kind: str, text: str, what: str = "") -> None:
        last = self._told[-1] if self._told else None
        if kind in ("stdout", "stderr") and last is not None and last.kind == kind:
            self._told[-1] = Told(kind, last.text + text)
        elif text or what:
            self._told.append(Told(kind, text, what))

    def _redirect(self, descriptor: int) -> None:
        try:
            self._saved[descriptor] = os.dup(descriptor)
        except OSError:  # closed by the script
            self._saved[descriptor] = None
        # A file without a name where the system has one: in a fenced fork nothing may be made on disk.
        memory = getattr(os, "memfd_create", None)
        file: Any = os.fdopen(memory("told"), "r+b", 0) if memory else tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        os.dup2(file.fileno(), descriptor)
        self._files[descriptor] = file
        self._read[descriptor] = 0

    def _listen_to_logs(self) -> None:
        real = self._call_handlers

        def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
            if record.name.partition(".")[0] != "torch":
                self.hear("log", _message(record), f"{record.name} {record.levelname}")
            real(logger, record)

        setattr(logging.Logger, _HANDLED, call_handlers)

    def _warned(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if not filename.startswith(_COMPILER):
            self.hear("warning", plain(str(message)), qualified(category))


class _Heard:
    """A text stream that is listened to. Goes on to the stream itself: a script may read what it wrote there."""

    def __init__(self, stream: Any, telling: Telling, kind: str, backed: bool) -> None:
        self._stream = stream
        self._telling = telling
        self._kind = kind
        self._backed = backed  # what is written there arrives at a descriptor that is listened to

    def write(self, text: str) -> int:
        written: int = self._stream.write(text)
        if self._backed:
            self._stream.flush()
            self._telling.drain()
        else:
            self._telling.hear(self._kind, text)
        return written

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _message(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except Exception as error:  # a format that does not fit its arguments; logging prints that
        text = f"{record.msg!r} cannot be formatted: {type(error).__name__}"
    if isinstance(record.exc_info, tuple) and record.exc_info[0] is not None:
        text += f" (with {qualified(record.exc_info[0])})"
    return plain(text)


def _number(stream: Any) -> int | None:
    try:
        return int(stream.fileno())
    except (AttributeError, OSError, TypeError, ValueError):
        return None


def _flush(streams: tuple[Any, ...]) -> None:
    for stream in streams:
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            continue
    try:
        ctypes.CDLL(None).fflush(None)  # what C code has printed
    except (OSError, AttributeError):
        return
