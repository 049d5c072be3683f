"""Child side: importing more of g2 once the script runs.

`from g2.capture import x` also asks for the module `g2`, and that name is the script's by now: it may have a g2.py of
its own, which must not run because of us.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_G2 = sys.modules["g2"]


@contextmanager
def as_ourselves() -> Iterator[None]:
    """While this lasts, the name `g2` is ours."""
    theirs = sys.modules.get("g2")
    sys.modules["g2"] = _G2
    try:
        yield
    finally:
        if theirs is None:
            del sys.modules["g2"]
        else:
            sys.modules["g2"] = theirs
