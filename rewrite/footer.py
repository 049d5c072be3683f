"""Comments behind the last statement of a block: by their indentation alone they are part of it."""

from __future__ import annotations


def footer(text: str, end: int, margin: str) -> tuple[int, list[str]]:
    """Where the comments end that follow a block, and their lines: the first is what stands on the last line itself.

    `end`: of the block's last statement; `margin`: the indentation of the statement whose block it is. Without such
    comments nothing is moved.
    """
    found: list[str] = []
    waiting: list[str] = []
    stop = end
    start = text.find("\n", end) + 1
    while 0 < start < len(text):
        after = text.find("\n", start) + 1 or len(text) + 1
        line = text[start : after - 1].rstrip()
        said = line.lstrip()
        if said and not (said.startswith("#") and len(line) - len(said) > len(margin)):
            break
        waiting.append(said)
        if said:
            stop, found, waiting = start + len(line), [*found, *waiting], []
        start = after
    return stop, [text[end : text.index("\n", end)].rstrip(), *found] if found else []
