"""An error in one line of a report."""

from __future__ import annotations


def said(error: BaseException) -> str:
    """Its kind, and the first line that it says."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def deepest(error: BaseException) -> BaseException:
    """What an error was raised for in the first place: Triton's interpreter wraps what happens inside a kernel."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
