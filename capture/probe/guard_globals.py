"""Which part of torch's global state changed: grad mode, autocast, threads, default dtype and device, modes, hooks.

Private torch used here (2.11 to 2.15): the JSON in the text of the GLOBAL_STATE guard,
GlobalStateGuard.__getstate__ for the present
state, and the closure of ___check_torch_function_mode_stack for the modes that were expected.
"""

from __future__ import annotations

import json
from typing import Any

import torch

from g2.capture.probe.guard_tensors import Change

_C: Any = torch._C
_SAID = {
    "grad_mode": "torch.is_grad_enabled()",
    "deterministic_algorithms": "torch.are_deterministic_algorithms_enabled()",
    "deterministic_algorithms_warn_only": "torch.is_deterministic_algorithms_warn_only_enabled()",
    "num_threads": "torch.get_num_threads()",
    "default_dtype": "torch.get_default_dtype()",
    "allow_tf32": "torch.backends.cuda.matmul.allow_tf32",
    "cuda_matmul_precision": "torch.backends.cuda.matmul.fp32_precision",
    "allow_fp16_reduce": "torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction",
    "allow_bf16_reduce": "torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction",
    "torch_function": "torch function overrides enabled",
    "torch_function_all_disabled": "all torch function overrides disabled",
}
# at::autocast's device types, in the order of the lists in the state
_AUTOCAST = ("cpu", "cuda", "mtia", "maia", "xpu", "ipu", "hpu", "xla", "privateuse1", "mps")
_DTYPES = {
    0: "torch.uint8",
    1: "torch.int8",
    2: "torch.int16",
    3: "torch.int32",
    4: "torch.int64",
    5: "torch.float16",
    6: "torch.float32",
    7: "torch.float64",
    8: "torch.complex32",
    9: "torch.complex64",
    10: "torch.complex128",
    11: "torch.bool",
    15: "torch.bfloat16",
}  # fmt: skip  (c10::ScalarType)


def changes(text: str) -> list[tuple[str, Change]]:
    """(what, change) for every part of the state in the guard's text that is different now."""
    _, found, state = text.partition("against ")
    if not found:
        return []
    try:
        old, end = json.JSONDecoder().raw_decode(state.strip())
        del end
        new = json.loads(str(_C._dynamo.guards.GlobalStateGuard().__getstate__()))
    except (ValueError, AttributeError, TypeError):
        return []
    return list(_different(old, new))


def _different(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, Change]]:
    out: list[tuple[str, Change]] = []
    for key, was in old.items():
        now = new.get(key, was)
        if was == now:
            continue
        if key == "autocast_state" and isinstance(was, dict):
            out += _autocast(was, now)
        else:
            kind = "grad-mode" if key == "grad_mode" else "global-state"
            out.append((_SAID.get(key, key), Change(kind, _said(key, was), _said(key, now))))
    return out


def _autocast(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, Change]]:
    out: list[tuple[str, Change]] = []
    if old.get("cached_enabled") != new.get("cached_enabled"):
        was, now = str(old.get("cached_enabled")), str(new.get("cached_enabled"))
        out.append(("torch.is_autocast_cache_enabled()", Change("global-state", was, now)))
    for key, call in (("enabled", "torch.is_autocast_enabled"), ("dtype", "torch.get_autocast_dtype")):
        for index, (was, now) in enumerate(zip(old.get(key, ()), new.get(key, ()), strict=False)):
            if was != now:
                device = _AUTOCAST[index] if index < len(_AUTOCAST) else f"device {index}"
                said = "default_dtype" if key == "dtype" else key
                out.append((f'{call}("{device}")', Change("global-state", _said(said, was), _said(said, now))))
    return out


def _said(key: str, value: Any) -> str:
    if key == "default_dtype":
        return _DTYPES.get(value, str(value))
    return str(value)


def modes(check: Any) -> Change | None:
    """The stack of torch function modes: expected (from the closure of the guard's own check) and present."""
    expected: list[type] | None = None
    for cell in getattr(check, "__closure__", None) or ():
        held = cell.cell_contents
        if isinstance(held, list) and all(isinstance(t, type) for t in held):
            expected = held
    now = [type(mode).__name__ for mode in _mode_stack()]
    was = "another stack of modes" if expected is None else _stack([t.__name__ for t in expected])
    return Change("global-state", was, _stack(now))


def _mode_stack() -> list[object]:
    length = _C._len_torch_function_stack()
    return [_C._get_function_stack_at(i) for i in range(length)]


def _stack(names: list[str]) -> str:
    return "no mode" if not names else ", ".join(names)


def default_device() -> str:
    """The default device that is set now, "None" when none is."""
    from torch.utils import _device

    return str(_device.CURRENT_DEVICE)


def saved_tensor_hooks() -> str:
    """Whether saved-tensor hooks are active now."""
    top = getattr(_C._autograd, "_top_saved_tensors_default_hooks", None)
    return "none" if top is None or top(True) is None else "set"
