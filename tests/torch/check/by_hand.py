"""A moment made by hand: a module and its inputs, compiled without a script around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from g2.check.asked import Asked
from g2.check.child.moment import Moment
from g2.check.child.parts import correct


@dataclass(frozen=True)
class ByHand(Moment):
    """A moment whose root is compiled by torch.compile itself."""

    def compiled(self, compiler: Any) -> Callable[..., Any]:
        torch.compiler.reset()
        compiled: Any = torch.compile
        run: Callable[..., Any] = compiled(self.eager, backend=compiler)
        return run


def moment(module: Callable[..., Any], *args: Any, trains: bool = False, **kwargs: Any) -> Moment:
    """The call module(*args, **kwargs)."""
    owner = module if isinstance(module, torch.nn.Module) else None
    call = module.forward if isinstance(module, torch.nn.Module) else module
    return ByHand("root@file.py:1", 0, owner, call, call, args, kwargs, trains, cast(Any, None))


def examined(
    one: Moment, folder: Path, seconds: float = 120.0, mode: str = "default", most: int = 30
) -> list[dict[str, Any]]:
    """The events of the part."""
    events: list[dict[str, Any]] = []
    correct.work(one, Asked(seconds=seconds, mode=mode), folder, events.append, most)
    return events
