"""What kernels are made for: what the person names, else the GPU that is there, else an H100."""

from __future__ import annotations

from pathlib import Path

from g2.check.devices import NATIVE, UnknownTarget, architecture
from g2.cli.errors import Refusal

_USUAL = "sm_90"
_PRESENT = ("/dev/nvidia0", "/dev/kfd")  # NVIDIA's driver, AMD's


def chosen(named: tuple[str, ...]) -> tuple[str, ...]:
    """As they were named, each once. Raises Refusal when one is not known."""
    if not named:
        return (NATIVE if any(Path(path).exists() for path in _PRESENT) else _USUAL,)
    try:
        for name in named:
            architecture(name)
    except UnknownTarget as error:
        raise Refusal(str(error), f"g2 check --target {_USUAL} SCRIPT") from None
    return tuple(dict.fromkeys(named))
