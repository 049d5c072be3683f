"""What Inductor asks of a GPU, for the ones that a check can plan for without having them.

The names are those of torch.cuda.get_device_properties. Sources: "CUDA C++ Programming Guide", table "Technical
Specifications per Compute Capability" (registers, threads, shared memory per multiprocessor and per block); NVIDIA
A100, H100 and B200 (Blackwell) architecture whitepapers and data sheets (multiprocessors, L2, memory); AMD Instinct
MI300X data sheet and the CDNA 3 ISA guide (compute units, 64 KiB of LDS, wavefronts of 64), with the values that HIP
reports for it.
Bandwidth and FLOP rates are not here (check/devices.py): Inductor's plans do not ask for them.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Properties:
    """Sizes in bytes; registers are of 32 bits; threads and registers per multiprocessor."""

    name: str
    major: int
    minor: int
    multi_processor_count: int
    total_memory: int
    L2_cache_size: int
    shared_memory_per_block_optin: int
    shared_memory_per_multiprocessor: int
    shared_memory_per_block: int = 48 * KIB
    regs_per_multiprocessor: int = 65536
    max_threads_per_multi_processor: int = 2048
    max_threads_per_block: int = 1024
    warp_size: int = 32
    gcnArchName: str = ""
    is_integrated: int = 0
    is_multi_gpu_board: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """name: as a person gives it. backend and arch: as Triton's GPUTarget takes them."""

    name: str
    backend: str
    arch: int | str
    properties: Properties

    @property
    def capability(self) -> int | str:
        """What Inductor calls its compute capability: 90, "gfx942"."""
        return self.arch


_A100 = Properties("NVIDIA A100-SXM4-80GB", 8, 0, 108, 80 * GIB, 40 * MIB, 163 * KIB, 164 * KIB)
_H100 = Properties("NVIDIA H100 80GB HBM3", 9, 0, 132, 80 * GIB, 50 * MIB, 227 * KIB, 228 * KIB)
_B200 = Properties("NVIDIA B200", 10, 0, 148, 180 * GIB, 126 * MIB, 227 * KIB, 228 * KIB)
_MI300X = Properties(
    "AMD Instinct MI300X", 9, 4, 304, 192 * GIB, 4 * MIB, 64 * KIB, 64 * KIB, 64 * KIB,
    warp_size=64, gcnArchName="gfx942:sramecc+:xnack-",
)  # fmt: skip

TARGETS = {
    target.name: target
    for target in (
        Target("sm_80", "cuda", 80, _A100),
        Target("sm_90", "cuda", 90, _H100),
        Target("sm_100", "cuda", 100, _B200),
        Target("gfx942", "hip", "gfx942", _MI300X),
    )
}
