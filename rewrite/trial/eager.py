"""Running code in eager whatever the script compiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def eager_only() -> None:
    """From now on nothing is compiled in this process, a fork of ours."""
    torch.compiler.set_stance("force_eager")


def undisturbed(call: Callable[..., Any]) -> Callable[..., Any]:
    """`call`, which Dynamo leaves alone where it is just running compiled code around us."""
    disable: Any = torch.compiler.disable
    made: Callable[..., Any] = disable(call)
    return made
