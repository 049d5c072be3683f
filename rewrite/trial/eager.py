"""Running code in eager whatever the script compiles.

Private torch used here (2.11 to 2.15): torch._higher_order_ops.utils._set_compilation_env, which surrounds what torch
compiles for itself where torch.cond, while_loop and the like are called in eager.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch._higher_order_ops import utils

_ENV = "_set_compilation_env"


def eager_only() -> None:
    """From now on nothing that the script compiles is compiled in this process, a fork of ours.

    torch.cond and its like still trace their functions: without that they do not know what these close over, and give
    results without gradients.
    """
    real = getattr(utils, _ENV, None)
    if real is not None:

        @contextlib.contextmanager
        def env(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with real(*args, **kwargs) as given, torch.compiler.set_stance("default"):
                yield given

        setattr(utils, _ENV, env)
    torch.compiler.set_stance("force_eager")


def unseen() -> str:
    """What this torch does not let us do, a sentence; nothing for the versions that were looked at."""
    if hasattr(utils, _ENV):
        return ""
    return (
        "torch.cond and its like lose gradients where rewrites are compared in eager, so these are refused "
        f"(this torch has no {utils.__name__}.{_ENV})"
    )


def undisturbed(call: Callable[..., Any]) -> Callable[..., Any]:
    """`call`, which Dynamo leaves alone where it is just running compiled code around us."""
    disable: Any = torch.compiler.disable
    made: Callable[..., Any] = disable(call)
    return made
