"""The one error that a person sees, and the one place where it is printed."""

from __future__ import annotations

import os
import sys
import time
import traceback
from typing import TextIO

from g2.cli.text import clean, inline

REFUSED = 2
INTERRUPTED = 130


class Refusal(Exception):
    """g2 cannot do what was asked. `code` is the exit code, `hint` says what to try instead."""

    def __init__(self, message: str, hint: str | None = None, code: int = REFUSED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a line of g2's own on stderr (or `stream`); what cannot be encoded there is escaped."""
    stream = stream or sys.stderr
    if stream is None:  # started with a closed stderr
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
    except (OSError, ValueError):
        pass  # nobody is listening any more; the exit code still tells


def print_refusal(error: Refusal) -> None:
    """Print `error` as "g2: message" and, when there is a hint, "  try: hint"."""
    say(f"g2: {clean(error.message)}")
    if error.hint:
        say(f"  try: {clean(error.hint)}")


def print_crash(error: BaseException) -> None:
    """Print one line about a fault of g2's own; the traceback goes into a file of the store."""
    say(f"g2: a fault in g2 itself: {type(error).__name__}: {inline(str(error))}")
    try:
        from g2.cli.store import Store

        folder = Store.open().root
        path = folder / f"fault-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
        text = "".join(traceback.format_exception(error))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"argv: {sys.argv!r}\npython: {sys.version}\n\n{text}")
    except Exception as second:
        say(f"  its details could not be written down: {inline(str(second))}")
    else:
        say(f"  details: {path}")
