"""Measuring on a GPU. Never how long anything takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from g2.capture.codec import build
from g2.check.asked import Asked
from g2.check.child import timing_cuda, timing_memory
from g2.check.child.moment import Moment
from g2.check.child.parts import speed
from g2.check.model import Speed

pytestmark = [
    pytest.mark.torch,
    pytest.mark.cuda,
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
]


@dataclass(frozen=True)
class Plain(Moment):
    def compiled(self, compiler: Any) -> Callable[..., Any]:
        torch.compiler.reset()
        compile_: Any = torch.compile
        run: Callable[..., Any] = compile_(self.eager, backend=compiler)
        return run


def measured(call: Any, *args: Any, folder: Path, trains: bool = False, mode: str = "default") -> Speed:
    events: list[dict[str, Any]] = []
    module = call if isinstance(call, torch.nn.Module) else None
    one = Plain("root@file.py:1", 0, module, call, call, args, {}, trains, cast(Any, None))
    speed.work(one, Asked(seconds=60.0, mode=mode), folder, events.append)
    found: Speed = build(Speed, next(event["speed"] for event in events if event["e"] == "speed"))
    return found


def test_three_ways_of_calling(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(256, 256), torch.nn.GELU()).cuda()
    found = measured(module, torch.randn(512, 256, device="cuda"), folder=tmp_path, trains=True)
    assert [one.variant for one in found.timed] == ["eager", "compiled", "replayed"]
    assert found.clock == "device" and found.backend == "Triton" and found.prevents == ()
    assert found.what == "forward and backward"
    assert {name for name, _ in found.speedups} == {"compiled", "replayed"}
    assert found.host is not None and 0 <= found.host < 1
    assert all(one.peak_bytes is not None for one in found.timed)


def test_a_compiler_that_fails_leaves_eagers_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_args: Any, **_options: Any) -> Any:
        raise ValueError("no compiler today")

    monkeypatch.setattr(timing_cuda, "Compiled", fails)
    events: list[dict[str, Any]] = []
    module = torch.nn.Linear(64, 64).cuda()
    given = (torch.randn(8, 64, device="cuda"),)
    one = Plain("root@file.py:1", 0, module, module, module, given, {}, False, cast(Any, None))
    speed.work(one, Asked(seconds=60.0), tmp_path, events.append)
    (failed,) = [event for event in events if event["e"] == "failed"]
    assert failed == {"e": "failed", "name": "speed compiled", "why": "ValueError: no compiler today"}
    found: Speed = build(Speed, next(event["speed"] for event in events if event["e"] == "speed"))
    assert [one.variant for one in found.timed] == ["eager"] and found.host is None


def test_what_prevents_a_cuda_graph_is_told(tmp_path: Path) -> None:
    def call(x: torch.Tensor) -> torch.Tensor:
        return x * 2 if float(x.sum()) > 0 else x * 3  # waits for the device

    found = measured(call, torch.ones(64, device="cuda"), folder=tmp_path)
    assert [one.variant for one in found.timed] == ["eager", "compiled"]
    assert found.prevents


def test_reduce_overhead_replays_by_itself(tmp_path: Path) -> None:
    module = torch.nn.Linear(64, 64).cuda()
    found = measured(module, torch.randn(8, 64, device="cuda"), folder=tmp_path, mode="reduce-overhead")
    assert [one.variant for one in found.timed] == ["eager", "compiled"]


def test_peak_memory_of_the_device() -> None:
    one = torch.ones(1 << 20, device="cuda")
    assert timing_memory.peak(lambda: one + 1, one.device) == 4 << 20


def test_a_call_that_waits_for_the_host_has_a_share_of_it() -> None:
    one = torch.ones(1 << 10, device="cuda")

    def call() -> None:
        for _ in range(4):
            one.add_(1)
            torch.cuda.synchronize()

    share = timing_cuda.host_share(call, one.device)
    assert share is not None and share > 0
