"""Paths as a person in the working directory names them."""

from __future__ import annotations


def relative(path: str, cwd: str) -> str:
    """`path` relative to `cwd` when it lies inside, else as it is. Both are taken by their text alone."""
    inside = cwd.rstrip("/") + "/"
    return path[len(inside) :] if cwd and path.startswith(inside) and len(path) > len(inside) else path
