"""The same call in float64: what eager's own rounding is measured against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def in_double(args: tuple[Any, ...], kwargs: Mapping[str, Any], owner: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Copies of the arguments with every floating tensor in float64; `owner`, when it is a module, is turned to float64
    in place, and so is torch's default dtype: for a fork that makes this one call and ends."""
    raise NotImplementedError
