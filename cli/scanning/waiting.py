"""A line that says what takes so long, on a terminal, from the first second on."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator

from g2.cli.text import inline

AFTER = 1.0  # seconds
_TICK = 0.25


@contextlib.contextmanager
def waiting(what: str, quiet: bool = False) -> Iterator[None]:
    """Show `what` with the time it has taken while the context lasts."""
    if quiet or not _terminal() or os.environ.get("TERM", "dumb") == "dumb":
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_show, args=(inline(what), over), name="g2-waiting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _terminal() -> bool:
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # closed
        return False


def _show(what: str, over: threading.Event) -> None:
    began, drawn = time.monotonic(), False
    with contextlib.suppress(OSError, ValueError):
        while not over.wait(_TICK if drawn else AFTER):
            taken = time.monotonic() - began
            sys.stderr.write(f"\r\x1b[2mg2: {what}, {taken:.0f} s\x1b[0m\x1b[K")
            sys.stderr.flush()
            drawn = True
        if drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
