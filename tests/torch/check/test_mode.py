"""What --mode changes of kernels that are made without a device, and what is said of the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.torch,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="triton is for Linux, and so are forks of a process with torch"),
]
HERE = Path(__file__).parent
RUN = """
import json, sys
from pathlib import Path
import torch
from by_hand import moment
from g2.check.asked import Asked
from g2.check.child.parts import kernels

def call(x, w):
    return torch.softmax(x @ w, -1)

torch.set_num_threads(1)  # forks do not bring the threads of OpenMP along
folder, mode = Path(sys.argv[1]), sys.argv[2]
events = []
with torch.no_grad():
    asked = Asked(mode=mode, targets=("sm_90",), seconds=300.0)
    kernels.work(moment(call, torch.randn(8, 16), torch.randn(16, 32)), asked, folder, events.append)
print(json.dumps(events))
"""


def told(mode: str, folder: Path) -> tuple[list[dict[str, Any]], str]:
    """The events, and the module that was made."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder), mode], cwd=HERE, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    events: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    (graph,) = [event["graph"] for event in events if event["e"] == "graph"]
    (lowered,) = graph["lowered"]
    assert not lowered.get("stopped_by") and lowered["kernels"] and not lowered.get("why")
    return events, (folder / lowered["module"]).read_text()


@pytest.mark.parametrize("mode", ["default", "reduce-overhead", "max-autotune"])
def test_kernels_are_those_of_the_mode(mode: str, tmp_path: Path) -> None:
    events, module = told(mode, tmp_path)
    notes = [event["what"] for event in events if event["e"] == "note"]
    tuned = mode == "max-autotune"
    assert ("'max_autotune': True" in module) is tuned  # what Inductor hands to its runtime
    assert ("'coordinate_descent_tuning': True" in module) is tuned
    assert any("changes none of them" in note for note in notes) is (mode != "default")
    assert any("templates for aten.mm.default" in note for note in notes) is tuned
