"""torch, triton, the device, and packages that were built for another torch."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterator
from importlib import metadata

from g2.capture.launch import NEWEST, OLDEST
from g2.cli.doctor.line import Asked, Line, ok, warning, wrong
from g2.cli.text import inline, listing

PIP = f"{sys.executable} -m pip"
# torch's own metadata says it in builds with triton; those for the CPU alone say nothing.
_TRITON: dict[tuple[int, ...], str] = {(2, 11): "3.6", (2, 12): "3.7", (2, 13): "3.7", (2, 14): "3.8", (2, 15): "3.9"}
_EXACT = re.compile(r"^torch\s*\(?\s*==\s*([\w.+!]+)\)?\s*(?:;(.*))?$")
_OFF = ("TORCHDYNAMO_DISABLE", "TORCH_COMPILE_DISABLE")


def built_for(distributions: Iterator[metadata.Distribution] | None = None) -> dict[str, str]:
    """Installed packages that ask for one exact torch, by their names, and that version."""
    found: dict[str, str] = {}
    for distribution in distributions or metadata.distributions():
        for requirement in distribution.requires or []:
            asked = _EXACT.match(requirement)
            if asked and "extra" not in (asked[2] or ""):
                found[distribution.metadata["Name"]] = asked[1]
    return found


def look(asked: Asked, built: dict[str, str]) -> Iterator[Line]:
    """Everything that the child said, and what the metadata of packages says."""
    version = installed("torch")
    if version is None:
        yield wrong("torch", "is not installed in this Python", f"{PIP} install 'g2-torch[torch]'")
        return
    fine = True
    for line in _torch(asked, version):
        fine = fine and line.mend == ""
        yield line
    yield from _switches()
    yield _triton(version, asked)
    if "devices" in asked.steps:
        yield _device(asked)
    if "numpy" in asked.steps:
        yield _numpy(asked)
    for name, wanted in sorted(built.items()):
        if (told := _package(name, wanted, version, asked, fine)) is not None:
            yield told


def installed(name: str) -> str | None:
    """The version of a distribution; None when there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def numbers(version: str) -> tuple[int, ...]:
    """(2, 13) of "2.13.0+cpu"."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _torch(asked: Asked, version: str) -> Iterator[Line]:
    again = f"{PIP} install --force-reinstall 'torch=={version.partition('+')[0]}'"
    said = asked.steps.get("torch")
    if said is None or "error" in said:
        why = said["error"] if said else f"the process that imported it {asked.ended or 'said nothing'}"
        yield wrong("torch", f"{version} is installed and cannot be imported: {inline(why)}", again)
        return
    if not said["whole"]:
        what = f"{inline(str(said['file']))} is imported as torch, and is not PyTorch"
        yield wrong("torch", what, "rename that file")
        return
    if numbers(version) < OLDEST:
        yield wrong("torch", f"{version}; g2 needs 2.11 or newer", f"{PIP} install -U torch")
    elif numbers(version) > NEWEST:
        what = f"{version} is newer than what g2 was tried with (2.11 to 2.15); reports say what is missing"
        yield warning("torch", what, f"{PIP} install -U g2-torch")
    else:
        yield ok("torch", f"{version} in {inline(str(said['file'])).removesuffix('/__init__.py')}")
    dynamo = asked.steps.get("dynamo", {"error": f"the process that tried it {asked.ended or 'said nothing'}"})
    if "error" in dynamo:
        yield wrong("dynamo", f"cannot capture a function: {inline(dynamo['error'])}", again)
    elif dynamo["graphs"] != 1 or not dynamo["right"]:
        off = [name for name in _OFF if os.environ.get(name, "0") != "0"]
        if not off:
            yield wrong("dynamo", "made no graph of a function of two operations", again)
    else:
        yield ok("dynamo", "captures a function as one graph")


def _switches() -> Iterator[Line]:
    for name in _OFF:
        if os.environ.get(name, "0") not in ("0", ""):
            yield wrong(name, "is set, so that torch.compile does nothing", f"unset {name}")
    if os.environ.get("TORCH_LOGS"):
        yield warning("TORCH_LOGS", "is set: Dynamo's own log goes between what scripts print", "unset TORCH_LOGS")


def _triton(torch: str, asked: Asked) -> Line:
    version, wanted = installed("triton"), _TRITON.get(numbers(torch))
    if version is None:
        if platform.system() != "Linux":
            return ok("triton", "is not to be had on this platform; g2 runs scripts without it")
        pair = f"=={wanted}.*" if wanted else ""
        what = "is not installed: no kernels can be generated for GPUs"
        return warning("triton", what, f"{PIP} install 'triton{pair}'")
    if wanted is not None and version.split(".")[:2] != wanted.split("."):
        what = f"{version}, and torch {torch} works with {wanted}"
        return wrong("triton", what, f"{PIP} install 'triton=={wanted}.*'")
    why = asked.steps.get("triton", {}).get("error")
    if why is None and asked.ended and asked.last == "triton":
        why = f"the process {asked.ended}"
    if why is not None:
        mend = f"{PIP} install --force-reinstall 'triton=={version}'"
        return warning("triton", f"{version} cannot be imported: {inline(why)}", mend)
    return ok("triton", version)


def _device(asked: Asked) -> Line:
    said, torch = asked.steps["devices"], asked.steps["torch"]
    if "error" in said:
        mend = "see whether other processes use the device, and whether the driver fits (nvidia-smi)"
        return wrong("device", f"there is one, and it cannot be used: {inline(said['error'])}", mend)
    if said["available"]:
        names = [f"{inline(name)}, {total / 2**30:.0f} GiB" for name, total in said["names"]]
        newest = said["driver"]  # 12080 for CUDA 12.8
        driver = f"; the driver takes CUDA {newest // 1000}.{newest % 1000 // 10}" if newest else ""
        return ok("device", listing(names) + driver)
    if torch["cuda"] or torch["hip"]:
        if os.path.exists("/dev/nvidiactl") or os.path.exists("/dev/kfd"):  # noqa: PTH110
            mend = "install a driver that fits, or a torch that fits the driver"
            return warning("device", f"there is a GPU, and torch for CUDA {torch['cuda']} cannot use it", mend)
        return ok("device", "no GPU; torch was built for one and runs on the CPU")
    return ok("device", "Apple's GPU" if said["mps"] else "the CPU")


def _numpy(asked: Asked) -> Line:
    said = asked.steps["numpy"]
    if "error" in said:
        return warning("numpy", f"does not work with torch: {inline(said['error'])}", f"{PIP} install -U numpy")
    return ok("numpy", str(said["version"]))


def _package(name: str, wanted: str, torch: str, asked: Asked, fine: bool) -> Line | None:
    version = installed(name)
    shown = f"{version} was built for torch {wanted}; this is {torch}"
    mend = f"{PIP} install -U {name} (from the index that torch came from), or {PIP} uninstall {name}"
    if wanted.partition("+")[0] != torch.partition("+")[0]:
        return wrong(name, shown, mend)
    said = asked.steps.get(name.replace("-", "_"))
    if said is None:
        if asked.ended and asked.last == name.replace("-", "_"):
            return wrong(name, f"{version} cannot be imported: the process {asked.ended}", mend)
        return None
    if "error" in said:
        # Of a torch that is broken itself this says nothing new.
        found = f"{version} cannot be imported: {inline(said['error'])}"
        return wrong(name, found, mend) if fine else None
    return ok(name, f"{version}, built for this torch")
