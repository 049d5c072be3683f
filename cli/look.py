"""What a stream can show: width, colour, hyperlinks, characters beyond ASCII."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TextIO

from g2.cli.views import Output

WIDTH = 80


def output_for(stream: TextIO | None, limit: int | None = None, verbose: bool = False, left_out: int = 0) -> Output:
    """How a report has to look on `stream`; None stands for a file."""
    environment = os.environ
    terminal = is_terminal(stream)
    colour = stream is not None and _colour(environment, terminal)
    return Output(
        width=_width(stream if terminal else None, environment),
        colour=colour,
        links=colour and terminal and _links(environment),
        unicode=stream is None or _unicode(stream),
        limit=limit,
        verbose=verbose,
        left_out=left_out,
        workspace=environment.get("GITHUB_WORKSPACE") or None,
    )


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream ends at a terminal; a closed one does not."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def _width(stream: TextIO | None, environment: Mapping[str, str]) -> int:
    wanted = environment.get("COLUMNS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    try:
        return (os.get_terminal_size(stream.fileno()).columns if stream else 0) or WIDTH
    except (OSError, ValueError):
        return WIDTH


def _colour(environment: Mapping[str, str], terminal: bool) -> bool:
    """https://no-color.org and https://force-color.org: set and not empty counts; NO_COLOR is the
    stronger.
    """
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return environment["FORCE_COLOR"] != "0"
    return terminal and environment.get("TERM", "dumb") not in ("dumb", "unknown")


def _links(environment: Mapping[str, str]) -> bool:
    """Whether the terminal is known to understand OSC 8; others print or swallow it, so unknown
    means no.
    """
    if forced := environment.get("FORCE_HYPERLINK"):
        return forced != "0"
    if environment.get("CI") or environment.get("TMUX") or environment.get("TERM", "").startswith("screen"):
        return False
    vte = environment.get("VTE_VERSION", "")
    return (
        (vte.isdigit() and int(vte) >= 5000)
        or any(environment.get(name) for name in ("WT_SESSION", "KITTY_WINDOW_ID", "KONSOLE_VERSION", "DOMTERM"))
        or environment.get("TERM_PROGRAM") in ("iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper")
        or environment.get("TERM") in ("xterm-kitty", "alacritty", "foot", "xterm-ghostty")
    )


def _unicode(stream: TextIO) -> bool:
    try:
        "→│·…".encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True
