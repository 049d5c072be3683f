"""How many warps of a kernel a multiprocessor holds at a time, as a share of the most that it can hold.

NVIDIA: the rules of the CUDA Occupancy Calculator, with the limits of "CUDA C++ Programming Guide", appendix "Compute
Capabilities", table "Technical Specifications per Compute Capability". Registers are handed out to warps in units of
256, a quarter of them to each of the four partitions; shared memory in units of 128 bytes, and 1 KiB of each block is
the system's (from compute capability 8.0 on: same guide, "Shared Memory").

AMD: "AMD Instinct MI300 (CDNA3) Instruction Set Architecture", sections on the VGPRs and on LDS, and "HIP Programming
Guide", "Hardware implementation": 4 SIMDs in a compute unit, 8 waves at most on each, 512 vector registers per lane
shared among them in units of 8, 64 KiB of LDS in units of 512 bytes (CDNA4, gfx950: 160 KiB).
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Nvidia:
    """Of one multiprocessor. shared: bytes. reserved: bytes of it that each block gives up to the system."""

    warps: int
    blocks: int
    shared: int
    registers: int = 65536
    reserved: int = 1024


@dataclass(frozen=True, slots=True)
class Amd:
    """Of one compute unit."""

    simds: int = 4
    waves: int = 8
    vectors: int = 512
    shared: int = 65536
    blocks: int = 16  # of more than one wave: the barriers that there are (LLVM, AMDGPUBaseInfo, getMaxWorkGroupsPerCU)


_KIB = 1024
PROCESSORS: dict[str, Nvidia | Amd] = {
    "sm_70": Nvidia(64, 32, 96 * _KIB, reserved=0),
    "sm_75": Nvidia(32, 16, 64 * _KIB, reserved=0),
    "sm_80": Nvidia(64, 32, 164 * _KIB),
    "sm_86": Nvidia(48, 16, 100 * _KIB),
    "sm_87": Nvidia(48, 16, 164 * _KIB),
    "sm_89": Nvidia(48, 24, 100 * _KIB),
    "sm_90": Nvidia(64, 32, 228 * _KIB),
    "sm_100": Nvidia(64, 32, 228 * _KIB),
    "sm_103": Nvidia(64, 32, 228 * _KIB),
    "sm_120": Nvidia(48, 24, 100 * _KIB),
    "gfx90a": Amd(),
    "gfx940": Amd(),
    "gfx941": Amd(),
    "gfx942": Amd(),
    "gfx950": Amd(shared=160 * _KIB),
}


def occupancy(target: str, warps: int, registers: int, shared: int) -> float | None:
    """warps: of a block. registers: of a thread. shared: bytes of a block. None for a processor that is not in the
    table, and where a block does not fit at all.
    """
    processor = PROCESSORS.get(target)
    if processor is None or not warps:
        return None
    if isinstance(processor, Amd):
        each = processor.vectors // max(8, _up(registers, 8))
        waves = min(processor.waves, each) * processor.simds
        blocks = min(waves // warps, processor.blocks) if warps > 1 else waves
        most = processor.simds * processor.waves
        if shared:
            blocks = min(blocks, processor.shared // _up(shared, 512))
    else:
        quarter = processor.registers // 4 // _up(max(registers, 1) * 32, 256)
        blocks = min(processor.blocks, processor.warps // warps, quarter * 4 // warps)
        most = processor.warps
        taken = _up(shared + processor.reserved, 128)
        if taken:
            blocks = min(blocks, processor.shared // taken)
    return blocks * warps / most if blocks else None


def _up(count: int, unit: int) -> int:
    return math.ceil(count / unit) * unit
