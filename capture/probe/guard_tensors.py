"""What changed when a TENSOR_MATCH guard fails: type, dtype, device, requires_grad, rank, sizes, strides, keys.

The expected values are in the guard's text (2.11 to 2.15):
check_tensor(L['x'], Tensor, DispatchKeySet(CPU, ...), torch.float32, device=None, requires_grad=False,
size=[3, 4], stride=[4, 1]).
A size or stride of None is dynamic: any value will do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import torch

from g2.capture.probe.guard_show import show

_TEXT = re.compile(
    r"(?P<type>[\w.]+), DispatchKeySet\((?P<keys>[^)]*)\), (?P<dtype>torch\.\w+), device=(?P<device>\w+), "
    r"requires_grad=(?P<grad>True|False), size=\[(?P<size>[^\]]*)\], stride=\[(?P<stride>[^\]]*)\]"
)
_BACKENDS = ("CPU", "CUDA", "HIP", "XPU", "MPS", "Meta", "HPU", "XLA", "MTIA", "IPU", "VE", "PrivateUse1")


@dataclass(frozen=True, slots=True)
class Change:
    """One property that is not what the guard expects."""

    kind: str
    old: str
    new: str
    dim: int | None = None


@dataclass(frozen=True, slots=True)
class _Expected:
    type: str
    keys: frozenset[str]
    dtype: str
    device: str
    grad: bool
    size: tuple[int | None, ...]
    stride: tuple[int | None, ...]


def changes(text: str, value: Any) -> list[Change] | None:
    """Every property in which `value` differs from the guard's text; None when the text is written "
    "in a way not known here."""
    match = _TEXT.search(text)
    if match is None:
        return None
    expected = _expected(match)
    size = ", ".join("any" if n is None else str(n) for n in expected.size)
    described = f"{expected.type} {expected.dtype.removeprefix('torch.')}[{size}]"
    if not isinstance(value, torch.Tensor):
        return [Change("type", described, show(value))]
    out: list[Change] = []
    if type(value).__name__ != expected.type:
        out.append(Change("type", expected.type, type(value).__name__))
    if str(value.dtype) != expected.dtype:
        out.append(Change("dtype", expected.dtype, str(value.dtype)))
    if expected.device and str(value.device) != expected.device:
        out.append(Change("device", expected.device, str(value.device)))
    if value.requires_grad != expected.grad:
        out.append(Change("requires_grad", str(expected.grad), str(value.requires_grad)))
    out += _layout(expected, value)
    return out or _keys(expected, value)


def _layout(expected: _Expected, value: torch.Tensor) -> list[Change]:
    if value.layout is not torch.strided:
        return []
    size = tuple(int(n) for n in torch.Tensor.size(value))
    if len(size) != len(expected.size):
        return [Change("rank", str(len(expected.size)), str(len(size)))]
    out = [
        Change("size", str(old), str(new), dim)
        for dim, (old, new) in enumerate(zip(expected.size, size, strict=True))
        if old is not None and old != new
    ]
    stride = tuple(int(n) for n in torch.Tensor.stride(value))
    differing = [
        Change("stride", str(old), str(new), dim)
        for dim, (old, new) in enumerate(zip(expected.stride, stride, strict=False))
        if old is not None and old != new
    ]
    # Strides of a contiguous tensor follow from its sizes: when those changed, they say nothing more.
    if out and torch.Tensor.is_contiguous(value) and _contiguous(expected):
        differing = []
    return out + differing


def _contiguous(expected: _Expected) -> bool:
    step: int | None = 1
    for size, stride in zip(reversed(expected.size), reversed(expected.stride), strict=False):
        if stride is not None and step is not None and size != 1 and stride != step:
            return False
        step = None if size is None or step is None else step * size
    return True


def _keys(expected: _Expected, value: torch.Tensor) -> list[Change]:
    if value.is_inference() != ("ADInplaceOrView" not in expected.keys):
        return [Change("global-state", _made(not value.is_inference()), _made(value.is_inference()))]
    now = {name.strip() for name in re.sub(r".*\(|\).*", "", str(torch._C._dispatch_keys(value))).split(",")}
    gone, come = sorted(expected.keys - now), sorted(now - expected.keys)
    # The guard adds the keys of the modes that are active, the tensor alone has not got them.
    return [Change("other", f"dispatch keys {', '.join(gone) or '-'}", f"dispatch keys {', '.join(come) or '-'}")]


def _made(inference: bool) -> str:
    return "made in inference mode" if inference else "made outside inference mode"


def _expected(match: re.Match[str]) -> _Expected:
    keys = frozenset(key.strip() for key in match["keys"].split(","))
    backend = next((b for b in _BACKENDS if any(k == b for k in keys)), "")
    kind = {"HIP": "cuda", "PrivateUse1": ""}.get(backend, backend.lower())
    index = match["device"]
    return _Expected(
        type=match["type"].rpartition(".")[2],
        keys=keys,
        dtype=match["dtype"],
        device=f"{kind}:{index}" if index.isdigit() and kind else kind,
        grad=match["grad"] == "True",
        size=_numbers(match["size"]),
        stride=_numbers(match["stride"]),
    )


def _numbers(text: str) -> tuple[int | None, ...]:
    return tuple(int(n) if n.lstrip("-").isdigit() else None for n in (p.strip() for p in text.split(",")) if n)
