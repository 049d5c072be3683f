"""Telling this process of a GPU that is not there. For a fork that ends afterwards: nothing is put back.

torch.cuda.is_available() stays false, so that code of the program's which asks does not find one.

Private torch (2.11 to 2.15): torch._dynamo.device_interface (init_device_reg, register_interface_for_device,
CudaInterface), torch._inductor.runtime.triton_helpers.set_driver_to_gpu, torch._C._cuda_getCurrentRawStream. Private
Triton (3.6 to 3.9): triton.runtime.driver.set_active,
triton.backends.compiler.GPUTarget.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch

from g2.check.child.absent import guard
from g2.check.child.absent.interface import Driver, interface
from g2.check.child.absent.properties import TARGETS, Target


class NotPossible(RuntimeError):
    """The device cannot be stood in for; the message is a sentence for people."""


def target(name: str) -> Target:
    """The target of that name. Raises NotPossible with the names that there are."""
    found = TARGETS.get(name)
    if found is None:
        raise NotPossible(f"{name} is not a target that g2 can plan for; it knows {', '.join(TARGETS)}.")
    return found


def pretend(wanted: Target) -> None:
    """Have Inductor and Triton plan for it from now on. Raises NotPossible."""
    device_interface = _need(
        "torch._dynamo.device_interface", "init_device_reg", "register_interface_for_device", "CudaInterface"
    )
    compiler = _need("triton.backends.compiler", "GPUTarget")
    driver = _need("triton.runtime", "driver").driver
    if not hasattr(driver, "set_active"):
        raise _missing("triton.runtime.driver.set_active")
    if wanted.backend == "hip":
        _as_rocm()
    try:
        guard.install()
    except guard.NoGuard as error:
        raise NotPossible(str(error)) from None
    properties = wanted.properties
    helpers = _need("torch._inductor.runtime.triton_helpers", "set_driver_to_gpu")
    helpers.set_driver_to_gpu = lambda: None  # every kernel's source calls it, and it looks for a driver that is live
    driver.set_active(Driver(compiler.GPUTarget(wanted.backend, wanted.arch, properties.warp_size)))
    device_interface.init_device_reg()
    stands: Any = interface(device_interface.CudaInterface, wanted)
    for name in ("cuda", "cuda:0"):
        device_interface.register_interface_for_device(name, stands)
    cuda: Any = torch.cuda
    cuda.get_device_properties = lambda device=None: properties
    cuda.get_device_capability = lambda device=None: (properties.major, properties.minor)
    cuda.get_device_name = lambda device=None: properties.name
    cuda.current_device = lambda: 0
    cuda.device_count = lambda: 1
    cuda.set_device = lambda device: None
    cuda.synchronize = lambda device=None: None
    cuda.is_bf16_supported = lambda including_emulation=True: True
    cuda.mem_get_info = lambda device=None: (properties.total_memory, properties.total_memory)
    _forget_answers()
    core: Any = torch._C
    core._cuda_getCurrentRawStream = lambda index=0: 0


def _forget_answers() -> None:
    """What was answered before about Triton and devices is kept by functools.cache."""
    for name in ("torch.utils._triton", "torch._inductor.runtime.hints", "torch._inductor.utils"):
        module = importlib.import_module(name)
        for value in [*vars(module).values(), getattr(getattr(module, "DeviceProperties", None), "create", None)]:
            clear = getattr(value, "cache_clear", None)
            if callable(clear) and getattr(value, "__module__", "").startswith("torch"):
                clear()


def _as_rocm() -> None:
    """torch for AMD's GPUs calls them "cuda" too, and is told apart by this. Before Inductor is asked anything."""
    version: Any = torch.version
    version.hip = version.hip or "7.0"
    version.cuda = None


def _need(module: str, *names: str) -> Any:
    try:
        found = importlib.import_module(module)
    except ImportError:
        raise _missing(module) from None
    for name in names:
        if not hasattr(found, name):
            raise _missing(f"{module}.{name}")
    return found


def _missing(name: str) -> NotPossible:
    if name.startswith("triton"):
        return NotPossible(f"Triton kernels need triton, and {_triton(name)}; {_pair()}.")
    return NotPossible(f"torch {torch.__version__} has no {name}, by which it is told of a GPU that is not there.")


def _triton(name: str) -> str:
    try:
        version = importlib.import_module("triton").__version__
    except Exception:  # one that does not suit this Python raises anything
        return "it is not installed here"
    return f"triton {version}, which is here, has no {name}"


def _pair() -> str:
    """Which triton each torch is made for: their release notes and the wheels' requirements."""
    pairs = {"2.11": "3.6", "2.12": "3.7.1", "2.13": "3.7.1", "2.14": "3.8", "2.15": "3.9"}
    ours = ".".join(torch.__version__.split("+")[0].split(".")[:2])
    known = pairs.get(ours)
    return (
        f"torch {ours} pairs with triton {known}" if known else "torch's own wheel names the triton that it pairs with"
    )
