"""Whose file it is: the user's, or which installed package's, and how its path is written."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import re
import sys

from g2.capture.mine import is_mine
from g2.capture.model import Owner

_PACKAGE = re.compile(r"/(?:site|dist)-packages/([^/]+)")


@functools.cache
def owner(path: str) -> Owner:
    """The owner of an absolute path."""
    if is_mine(path):
        return Owner(mine=True)
    match = _PACKAGE.search(path.replace("\\", "/"))
    if match is None:
        return Owner(mine=False, package="python", version=".".join(map(str, sys.version_info[:3])))
    return _installed(match[1].removesuffix(".py"))


@functools.cache
def _installed(name: str) -> Owner:
    try:
        return Owner(False, name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        pass
    # Reading every package's file list is slow, so it comes second: few import names differ from their distribution's.
    for distribution in importlib.metadata.packages_distributions().get(name, ()):
        return Owner(False, distribution, importlib.metadata.version(distribution))
    return Owner(False, name, None)


def shown(path: str, cwd: str) -> str:
    """Relative to the run's working directory when inside it, else as it is."""
    if cwd and path.startswith(cwd.rstrip(os.sep) + os.sep):
        return path[len(cwd.rstrip(os.sep)) + 1 :]
    return path
