"""A module of ours in a process of its own that tells its work in events: a kernel that crashes it loses no other."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from g2.capture.fold.journals import events_of


def attempt(
    module: str,
    words: Sequence[str],
    environment: Mapping[str, str],
    seconds: float,
    limit: float,
    path: Path,
    doing: str = "",
) -> tuple[list[dict[str, Any]], str]:
    """Run it; the events that it left in `path`, and how it ended, a clause, where that was not by itself.

    It is ended after `seconds`; limit: seconds as the person gave them, to say so. doing: what a signal ends, as in
    "while it was assembled". Raises OSError.
    """
    path.touch(mode=0o600)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module, *words, "--events", str(path)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment,
    )  # fmt: skip
    ended = ""
    try:
        _, errors = process.communicate(timeout=seconds)
        if process.returncode < 0:
            ended = f"the process ended with {signal.Signals(-process.returncode).name} {doing}".rstrip()
        elif process.returncode:
            ended = (errors.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"])[-1][:300]
    except subprocess.TimeoutExpired:
        ended = f"it took longer than {limit:g} seconds"
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    return list(events_of(path)), ended
