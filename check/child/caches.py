"""Where compilers keep what they made: a folder that is empty as yet, so that a first compilation is one.

Private torch used here: torch._inductor.codecache's _HEADER_DIR and _HEADER_LOCK_DIR (2.11 to 2.15), where precompiled
headers of C++ go. They are settled when that module is loaded, which the script may have done.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_VARIABLES = {"TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton"}
_MODULE = "torch._inductor.codecache"


@contextlib.contextmanager
def cold(folder: Path) -> Iterator[None]:
    """Graphs are compiled anew meanwhile. Headers are compiled into the folder of temporary files, where it is another
    than when codecache was loaded.
    """
    before = {name: os.environ.get(name) for name in _VARIABLES}
    held = headers(Path(tempfile.gettempdir()) / "headers")
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
        for name, value in held.items():
            setattr(sys.modules[_MODULE], name, value)


def headers(folder: Path) -> dict[str, Any]:
    """Precompiled headers go below `folder` from now on. What was settled before, by name; empty where it was not
    yet.
    """
    module = sys.modules.get(_MODULE)
    names = {"_HEADER_DIR": folder, "_HEADER_LOCK_DIR": folder / "locks"}
    held = {name: getattr(module, name) for name in names if hasattr(module, name)}
    for name in held:
        setattr(module, name, str(names[name]))
    return held
