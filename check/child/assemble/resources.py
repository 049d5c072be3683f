"""What a binary takes: registers and local memory of a thread, shared memory of a block.

NVIDIA: `cuobjdump -res-usage` of Triton's wheel, by the cubin. AMD: the metadata that LLVM writes into the assembly
(LLVM, "User Guide for AMDGPU Backend", "Code Object V5 Metadata"): .vgpr_count holds accumulation registers too.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_USAGE = re.compile(r"\b(REG|STACK|SHARED|LOCAL):(\d+)")
_METADATA = re.compile(
    r"^\s*-?\s*\.(vgpr_count|private_segment_fixed_size|group_segment_fixed_size):\s+(\d+)", re.MULTILINE
)
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Taken:
    """registers and spills (bytes of local memory): of a thread. shared: bytes of a block that the binary itself
    names.
    """

    registers: int | None = None
    spills: int | None = None
    shared: int | None = None


def of_cubin(cubin: bytes, tool: str) -> Taken:
    """Raises OSError when the tool cannot be run, ValueError when what it says is not understood."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        Path(file.name).write_bytes(cubin)
        done = subprocess.run([tool, "-res-usage", file.name], capture_output=True, text=True, timeout=_SECONDS)
    found = {name: int(count) for name, count in _USAGE.findall(done.stdout)}
    if "REG" not in found:
        raise ValueError(f"cuobjdump did not say what the kernel takes: {done.stderr.strip()[:200]}")
    return Taken(found["REG"], found.get("STACK", 0) + found.get("LOCAL", 0), found.get("SHARED"))


def of_amdgcn(text: str) -> Taken:
    """Nothing where the metadata is not there."""
    found = {name: int(count) for name, count in _METADATA.findall(text)}
    return Taken(
        found.get("vgpr_count"), found.get("private_segment_fixed_size"), found.get("group_segment_fixed_size")
    )
