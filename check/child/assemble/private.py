"""What assembling needs of Triton and Inductor that is not public. triton 3.6 to 3.9 with torch 2.11 to 2.15.

Triton: runtime.driver.set_active, compiler.ASTSource, backends.compiler.GPUTarget, knobs.nvidia, and the stages of the
NVIDIA backend. Inductor: codecache.PyCodeCache, CachingAutotuner._create_compile_meta and _create_compile_options.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import torch

from g2.check.child.absent.interface import Driver
from g2.check.child.interpret.private import Missing, triton_is_there


@dataclass(frozen=True, slots=True)
class Backend:
    """kind: "cuda" or "hip"; arch: 90 or "gfx942"; warp: threads of a warp."""

    kind: str
    arch: int | str
    warp: int


def backend(target: str) -> Backend:
    """Raises Missing for what is no name of a target."""
    if target.startswith("sm_") and target.removeprefix("sm_").rstrip("af").isdigit():
        return Backend("cuda", int(target.removeprefix("sm_").rstrip("af")), 32)
    if target.startswith("gfx"):
        return Backend("hip", target, 64 if target.startswith("gfx9") else 32)
    raise Missing(f"{target} is not a target that triton assembles for: sm_70 to sm_120, gfx942 and the like")


@dataclass(frozen=True, slots=True)
class Assembler:
    """How kernels of one target are made into binaries in this process."""

    target: str
    backend: Backend
    gpu: Any
    complete: bool  # whether the last step has its assembler here

    @classmethod
    def of(cls, target: str) -> Assembler:
        """Raises Missing. This process is told of that target once for all."""
        triton_is_there()
        wanted = backend(target)
        if wanted.kind == "hip":
            version: Any = torch.version  # by this Inductor's runtime tells AMD's GPUs apart
            version.hip = version.hip or "7.0"
        compiler: Any = importlib.import_module("triton.backends.compiler")
        runtime: Any = importlib.import_module("triton.runtime")
        for owner, name in ((compiler, "GPUTarget"), (runtime.driver, "set_active")):
            if not hasattr(owner, name):
                raise Missing(f"this triton has no {name}")
        gpu = compiler.GPUTarget(wanted.kind, wanted.arch, wanted.warp)
        runtime.driver.set_active(Driver(gpu))
        helpers: Any = importlib.import_module("torch._inductor.runtime.triton_helpers")
        helpers.set_driver_to_gpu = lambda: None
        complete = wanted.kind != "cuda" or ptxas(wanted.arch) is not None
        if not complete:
            _stop_at_ptx()
        return cls(target, wanted, gpu, complete)

    def load(self, name: str, source: str) -> Any:
        """The CachingAutotuner of a kernel's source. Raises whatever the source raises."""
        cache: Any = importlib.import_module("torch._inductor.codecache").PyCodeCache
        return getattr(cache.load(source), name)

    def compile(self, kernel: Any) -> tuple[Any, Any]:
        """The compiled kernel and the configuration that Inductor would try first. Raises whatever Triton raises."""
        triton: Any = importlib.import_module("triton")
        source: Any = importlib.import_module("triton.compiler").ASTSource
        for name in ("_create_compile_meta", "_create_compile_options"):
            if not hasattr(kernel, name):
                raise Missing(f"torch {torch.__version__} has no CachingAutotuner.{name}")
        config = kernel.configs[0]
        meta = kernel._create_compile_meta(config)
        options = kernel._create_compile_options(config, meta)
        made = source(kernel.fn, meta["signature"], meta["constants"], meta["configs"][0])
        return triton.compile(made, target=self.gpu, options=options), config


def ptxas(arch: Any) -> str | None:
    """The path of the assembler that Triton would take, None where there is none."""
    nvidia: Any = importlib.import_module("triton.backends.nvidia.compiler")
    try:
        return str(nvidia.get_ptxas(arch).path)
    except Exception:
        return None


def cuobjdump() -> str | None:
    """The path of Triton's own cuobjdump, or None."""
    try:
        return str(importlib.import_module("triton.knobs").nvidia.cuobjdump.path)
    except Exception:
        return None


def _stop_at_ptx() -> None:
    nvidia: Any = importlib.import_module("triton.backends.nvidia.compiler")
    theirs = nvidia.CUDABackend.add_stages

    def add_stages(self: Any, stages: Any, *rest: Any) -> None:
        theirs(self, stages, *rest)
        stages.pop("cubin", None)
        self.binary_ext = "ptx"

    nvidia.CUDABackend.add_stages = add_stages
