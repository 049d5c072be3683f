"""Where compilers keep what they made: a folder that is empty as yet, so that a first compilation is one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_VARIABLES = {"TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton"}


@contextlib.contextmanager
def cold(folder: Path) -> Iterator[None]:
    """Graphs are compiled anew meanwhile. Precompiled headers, which a machine has once, are found where they were."""
    before = {name: os.environ.get(name) for name in _VARIABLES}
    for name, below in _VARIABLES.items():
        os.environ[name] = str(folder / below)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
