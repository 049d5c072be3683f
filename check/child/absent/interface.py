"""How Dynamo and Inductor see the device (a DeviceInterface) and how Triton sees it (a driver)."""

from __future__ import annotations

import contextlib
from typing import Any

import torch

from g2.check.child.absent.properties import Target


class Driver:
    """What triton.runtime.driver.active is asked for."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def get_current_target(self) -> Any:
        return self._target

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: object = None) -> int:
        return 0

    def set_current_device(self, device: object) -> None:
        """There is one."""

    def get_active_torch_device(self) -> torch.device:
        return torch.device("cpu")

    def get_device_interface(self) -> Any:
        return torch.cpu

    @staticmethod
    def is_active() -> bool:
        return True


def interface(base: Any, target: Target) -> type:
    """A subclass of torch's CudaInterface that describes `target`."""
    properties = target.properties

    class Worker:
        current_device = staticmethod(lambda: 0)
        set_device = staticmethod(lambda device: None)
        get_device_properties = staticmethod(lambda device=None: properties)

    members: dict[str, Any] = {
        "Worker": Worker,
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "set_device": lambda device: None,
        "exchange_device": lambda device: 0,
        "maybe_exchange_device": lambda device: 0,
        "synchronize": lambda device=None: None,
        "stream": lambda stream=None: contextlib.nullcontext(),
        "get_compute_capability": lambda device=None: target.capability,
        "get_device_properties": lambda device=None: properties,
        "get_raw_stream": lambda index=0: 0,
        "memory_allocated": lambda device=None: 0,
        "is_bf16_supported": lambda including_emulation=False: True,
        "is_dtype_supported": lambda dtype, including_emulation=False: True,
        "is_triton_capable": lambda device=None: True,
        "raise_if_triton_unavailable": lambda device=None: None,
    }
    return type("Absent", (base,), {k: v if isinstance(v, type) else staticmethod(v) for k, v in members.items()})
