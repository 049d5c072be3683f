"""The kernels of a graph, timed on the GPU that is there. Never how long they take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from by_hand import moment

from g2.check.asked import Asked
from g2.check.child import measure
from g2.check.child.parts import kernels

pytestmark = [pytest.mark.torch, pytest.mark.cuda]


def test_each_generated_kernel_has_a_time(tmp_path: Path) -> None:
    def call(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return torch.softmax(x @ w, -1)

    events: list[dict[str, Any]] = []
    given = (torch.randn(256, 512, device="cuda"), torch.randn(512, 1024, device="cuda"))
    with torch.no_grad():
        kernels.work(moment(call, *given), Asked(targets=("native",)), tmp_path, events.append)
    (event,) = [event for event in events if event["e"] == "graph"]
    assert measure.main([str(tmp_path / event["folder"])]) == 0
    found = json.loads((tmp_path / event["folder"] / measure.NATIVE / measure.RESULT).read_text())
    assert found["why"] == ""
    (lowered,) = event["graph"]["lowered"]
    generated = {one["name"] for one in lowered["kernels"] if one["kind"] == "triton"}
    assert generated and set(found["kernels"]) == generated
    assert all(0 < seconds < 1 for seconds in found["kernels"].values())
