"""What a call may leave changed besides its arguments: the object's state, random streams, settings of torch."""

from __future__ import annotations

import random
import sys
import types
from collections.abc import Iterator
from typing import Any

import torch

from g2.rewrite.trial.tensors import digest_of, hashed
from g2.rewrite.trial.walk import Walk


def walk_state(walk: Walk, owner: Any, function: Any) -> None:
    """The owner below "self", its classes' attributes, the function's defaults and closure."""
    if owner is not None:
        walk.add("self", owner)
        for base in type(owner).__mro__:
            room = base.__module__.partition(".")[0]
            if room == "__main__" or room not in (*sys.stdlib_module_names, "torch"):
                for name, value in list(vars(base).items()):
                    if not name.startswith("__") and _is_data(value):
                        walk.add(f"{base.__name__}.{name}", value)
    for path, value in _of_function(function):
        walk.add(path, value)


def _of_function(function: Any) -> Iterator[tuple[str, Any]]:
    function = getattr(function, "__func__", function)
    if not isinstance(function, types.FunctionType):
        return
    code = function.__code__
    defaults = function.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount]
    for name, value in zip(names[len(names) - len(defaults) :], defaults, strict=True):
        yield f"the default of {name}", value
    for name, value in (function.__kwdefaults__ or {}).items():
        yield f"the default of {name}", value
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
        try:
            value = cell.cell_contents
        except ValueError:  # empty
            continue
        if _is_data(value):
            yield f"the closure's {name}", value


def _is_data(value: Any) -> bool:
    plain = (bool, int, float, complex, str, bytes, type(None), list, dict, set, torch.Tensor)
    return isinstance(value, plain) and not isinstance(value, type)


def random_streams() -> dict[str, str]:
    """A digest of the state of each random stream."""
    found = {"torch": digest_of(torch.get_rng_state()), "random": hashed(repr(random.getstate()).encode())}
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and "numpy.random" in sys.modules:
        kind, keys, *rest = numpy.random.get_state(legacy=True)
        found["numpy"] = hashed(keys.tobytes() + repr((kind, rest)).encode())
    cuda: Any = torch.cuda
    if cuda.is_initialized() and not cuda._is_in_bad_fork():
        found["cuda"] = hashed(b"".join(bytes(state.tolist()) for state in cuda.get_rng_state_all()))
    return found


def modes() -> dict[str, str]:
    """Torch's settings that a call can leave changed, in words."""
    found: dict[str, Any] = {
        "grad mode": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "the default dtype": torch.get_default_dtype(),
        "the default device": torch.get_default_device(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "deterministic algorithms, warn only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "anomaly detection": torch.is_anomaly_enabled(),
        "autocast on the CPU": torch.is_autocast_enabled("cpu"),
        "autocast on CUDA": torch.is_autocast_enabled("cuda"),
        "the float32 matmul precision": torch.get_float32_matmul_precision(),
        "cudnn.benchmark": torch.backends.cudnn.benchmark,
        "cudnn.deterministic": torch.backends.cudnn.deterministic,
        "the number of threads": torch.get_num_threads(),
    }
    return {name: str(value) for name, value in found.items()}
