"""Asking a child about torch: a torch that crashes or hangs is a finding, and no crash of ours."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from g2.capture.attach import MARK
from g2.cli.doctor.line import Asked

# Each step says that it begins, and then what it found: what the child dies of is in the step that began last.
# In the working directory, where scripts are run: a torch.py that lies there is to be found.
_PROGRAM = """
import importlib, json, os, sys

out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def step(name, look):
    print(json.dumps({"begins": name}), file=out, flush=True)
    try:
        found = look()
    except BaseException as error:
        found = {"error": type(error).__name__ + ": " + str(error)[:500]}
    print(json.dumps({"step": name, **found}), file=out, flush=True)


def whole():
    import torch
    return {"version": torch.__version__, "file": torch.__file__, "cuda": torch.version.cuda, "hip": torch.version.hip,
            "whole": hasattr(torch, "nn")}


def dynamo():
    import torch
    import torch._dynamo
    seen = []

    def backend(graph, inputs):
        seen.append(graph)
        return graph.forward

    made = torch.compile(lambda x: torch.relu(x) + 1, backend=backend)(torch.ones(2)).tolist()
    return {"graphs": len(seen), "right": made == [2.0, 2.0]}


def devices():
    import torch
    found = {"available": torch.cuda.is_available(), "names": [], "driver": None}
    found["mps"] = torch.backends.mps.is_available()
    if found["available"]:
        found["driver"] = torch._C._cuda_getDriverVersion() if torch.version.cuda else None
        for number in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(number)
            found["names"].append([torch.cuda.get_device_name(number), total])
        found["works"] = (torch.ones(4, device="cuda") + 1).sum().item() == 8
    return found


def numpy():
    import numpy, torch
    return {"version": numpy.__version__, "works": torch.ones(2).numpy().tolist() == [1.0, 1.0]}


def imported(name):
    module = importlib.import_module(name)
    return {"version": getattr(module, "__version__", None), "file": getattr(module, "__file__", None)}


step("torch", whole)
if "torch" in sys.modules:
    step("dynamo", dynamo)
    step("devices", devices)
    step("numpy", numpy)
    for name in sys.argv[1:]:
        step(name, lambda: imported(name))
out.flush()
os._exit(0)
"""


def ask(names: tuple[str, ...], limit: float) -> Asked:
    """Import torch and the packages `names` in a child, and see whether they work. limit: seconds for all of it."""
    environ = {**os.environ, "PYTHONWARNINGS": "ignore"}
    environ.pop("G2_RECORD", None)
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *names],
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL, env=environ, start_new_session=True,
        )  # fmt: skip
        try:
            code = child.wait(limit)
            ended = "" if code == 0 else _ended(code)
        except subprocess.TimeoutExpired:
            ended = f"did not end in {limit:g} seconds"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        out.seek(0)
        return _read(out.read(), ended)


def attached(limit: float) -> bool:
    """Whether a Python that is started with G2_RECORD is recorded. Raises OSError or subprocess.TimeoutExpired."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "G2_RECORD": folder}
        subprocess.run(
            [sys.executable, "-c", ""], env=environ, timeout=limit, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return (Path(folder) / MARK).exists()


def _read(text: bytes, ended: str) -> Asked:
    steps: dict[str, dict[str, Any]] = {}
    last = ""
    for line in text.splitlines():
        try:
            said = json.loads(line)
        except ValueError:  # cut off
            continue
        last = said.get("begins", last)
        if "step" in said:
            steps[said["step"]] = said
    return Asked(steps, ended, last)


def _ended(code: int) -> str:
    if code > 0:
        return f"ended with exit code {code}"
    from g2.cli.summary import signal_name

    return f"was ended by {signal_name(-code)}"
