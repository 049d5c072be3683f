"""One line on the terminal while the script is run again and again; its own output is not shown."""

from __future__ import annotations

import os
import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from g2.cli.look import is_terminal
from g2.cli.progress import describe
from g2.cli.text import inline, plural

if TYPE_CHECKING:
    from g2.capture.tail import Progress


class Line:
    """Draws the line on stderr, where that is a terminal, and takes it away at the end."""

    def __init__(self, quiet: bool) -> None:
        self._shown = not quiet and is_terminal(sys.stderr) and os.environ.get("TERM", "dumb") != "dumb"
        self._lock = threading.Lock()
        self._stage = "the script as it is"
        self._drawn = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn:
            self._write("\r\x1b[K")

    def round(self, number: int, trying: int, kept: int) -> None:
        """A round of trials begins."""
        self._stage = f"round {number}, {plural(trying, 'rewrite')} to try" + (f", {kept} stand" if kept else "")

    def run(self, progress: Progress) -> None:
        """How far a run of the script is."""
        self._draw(f"g2: {self._stage}: {describe(progress).removeprefix('g2: ')}")

    def doing(self, what: str) -> None:
        """What goes on, where no script is running."""
        self._draw(f"g2: {inline(what)}" if what else "g2: waiting")

    def _draw(self, text: str) -> None:
        if not self._shown:
            return
        with self._lock:
            try:
                width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
            except (OSError, ValueError):
                width = 80
            # Not the last column: some terminals would wrap there.
            self._write(f"\r\x1b[2m{text[: max(width - 1, 0)]}\x1b[0m\x1b[K")
            self._drawn = True

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError):
            self._shown = False
