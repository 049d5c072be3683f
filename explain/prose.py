"""Texts as a reason's file writes them, made into plain paragraphs."""

from __future__ import annotations

import inspect


def prose(text: str) -> str:
    """Paragraphs of one line each, blank lines between them; indented lines are code and stay as they are."""
    out: list[str] = []
    joined = False
    for line in inspect.cleandoc(text).splitlines():
        code = line.startswith(" ")
        plain = bool(line) and not code
        if plain and joined:
            out[-1] += " " + line
        else:
            out.append(line)
        joined = plain
    return "\n".join(out).strip()


def script(text: str) -> str:
    """A script without its margin, with one line end at its end; an empty text stays empty."""
    clean = inspect.cleandoc(text)
    return clean + "\n" if clean else ""
