"""A batch of kernels, one after the other, in a process that one of them may crash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from g2.capture.codec import plain
from g2.check.child import wrapper
from g2.check.child.assemble import occupancy, private, resources
from g2.check.child.interpret.private import Missing
from g2.check.model import Assembled

FORMS = ("ttir", "ttgir", "llir", "ptx", "cubin", "amdgcn", "hsaco")
KEPT = "assembled"  # the folder beside module.py that holds them


def main(folder: Path, target: str, names: list[str], events: Path) -> None:
    """Each result goes to `events`, a line each."""
    with events.open("a", encoding="utf-8") as file:

        def tell(event: dict[str, Any]) -> None:
            file.write(json.dumps(event) + "\n")
            file.flush()

        try:
            assembler = private.Assembler.of(target)
        except Missing as error:
            tell({"e": "stopped", "why": str(error)})
            return
        sources = wrapper.read((folder / target / "module.py").read_text("utf-8")).sources
        for name in names:
            tell({"e": "begin", "kernel": name})
            made, extra = assembled(assembler, name, sources[name], folder / target / KEPT)
            tell({"e": "kernel", "kernel": name, "assembled": plain(made), **extra})


def assembled(assembler: private.Assembler, name: str, source: str, place: Path) -> tuple[Assembled, dict[str, Any]]:
    """One kernel; its forms are kept in `place`."""
    try:
        compiled, config = assembler.compile(assembler.load(name, source))
    except Exception as error:
        return Assembled(why=_said(error)), {}
    forms = {form: compiled.asm[form] for form in FORMS if form in compiled.asm}
    place.mkdir(mode=0o700, exist_ok=True)
    for form, data in forms.items():
        path = place / f"{name}.{form}"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    metadata = compiled.metadata
    shared = int(getattr(metadata, "shared", 0) or 0)
    taken, why = _taken(forms)
    if not assembler.complete:
        why = "Triton's wheel brings no ptxas for this platform: it was brought to PTX, the last form before the binary"
    held = None
    if taken.registers is not None:
        held = occupancy.occupancy(assembler.target, int(metadata.num_warps), taken.registers, shared)
    made = Assembled(tuple(forms), taken.registers, taken.spills, shared, held, why)
    settings = {key: value for key, value in config.kwargs.items() if isinstance(value, (int, bool, str))}
    return made, {"config": {**settings, "num_warps": config.num_warps, "num_stages": config.num_stages}}


def _taken(forms: dict[str, Any]) -> tuple[resources.Taken, str]:
    try:
        if "cubin" in forms:
            tool = private.cuobjdump()
            if tool is None:
                return resources.Taken(), "Triton's wheel brings no cuobjdump here, which reads what the kernel takes"
            return resources.of_cubin(forms["cubin"], tool), ""
        if "amdgcn" in forms:
            return resources.of_amdgcn(forms["amdgcn"]), ""
    except (OSError, ValueError) as error:
        return resources.Taken(), str(error)
    return resources.Taken(), ""


def _said(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    return f"{type(error).__name__}: {' '.join(lines)[:400]}"
