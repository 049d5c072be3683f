"""The graphs of a call, brought to one target: in forks, so that one that fails, hangs or crashes takes none with it.

"native" is the GPU that is there, by the ordinary path. Any other target is planned for without it.
"""

from __future__ import annotations

import json
import re
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import torch

from g2.capture.codec import build, plain
from g2.check.child import graphs, lower, provenance, saved
from g2.check.child.absent import here
from g2.check.child.graphs import Recorded
from g2.check.child.lower import Stopped
from g2.check.devices import NATIVE
from g2.check.model import Lowered
from g2.rewrite.trial.forking import attempt

_LEAST = 20.0  # seconds that one graph may take at least
_EXECUTING = re.compile(r"While executing %\S+ :.*?target=([\w.:]+)\]")
_TARGET = re.compile(r"^\s*target: ([\w.:]+)\s*$", re.MULTILINE)
_ON_CPU_ALONE = re.compile(r"_for_cpu\b|mkldnn|onednn|\bcpu_")


def bring(found: Sequence[Recorded], name: str, seconds: float, mode: str = "default") -> list[Lowered]:
    """Every graph, in their order. seconds: for all of them. mode: of torch.compile."""
    ends = time.monotonic() + seconds
    done: list[Lowered] = []
    cuda: Any = torch.cuda
    if name == NATIVE and cuda.is_initialized():
        return [_one(recorded, name, mode) for recorded in found]  # a process that uses a GPU cannot be forked
    while len(done) < len(found):
        left = ends - time.monotonic()
        if left <= 0:
            done.append(Lowered(name, stopped_by=f"the time was over ({seconds:.0f} seconds for {name})"))
            continue
        each = max(left / (len(found) - len(done)) * 2, _LEAST)
        answer = attempt(_work(found[len(done) :], name, each, mode), left)
        told = [build(Lowered, json.loads(line)) for line in answer.data.decode().splitlines() if line.endswith("}")]
        done += told
        if len(done) < len(found) and not answer.ended:
            done.append(
                Lowered(name, stopped_by=f"Inductor was stopped: {answer.why}", seconds=each if answer.late else 0)
            )
        elif not told:
            done.append(Lowered(name, stopped_by="nothing was told of it"))
    return done


def _work(found: Sequence[Recorded], name: str, each: float, mode: str) -> Callable[[BinaryIO], None]:
    def work(answer: BinaryIO) -> None:
        for recorded in found:
            signal.setitimer(signal.ITIMER_REAL, each)
            answer.write(json.dumps(plain(_one(recorded, name, mode))).encode() + b"\n")
            answer.flush()

    return work


def _one(recorded: Recorded, name: str, mode: str) -> Lowered:
    begin = time.monotonic()
    folder = recorded.folder / name
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _in_mode(recorded, name, folder, begin, mode)
    except here.NotPossible as error:
        return Lowered(name, stopped_by=str(error))
    except Stopped as error:
        return Lowered(name, stopped_by=str(error), seconds=round(time.monotonic() - begin, 3))
    except Exception as error:
        return Lowered(name, stopped_by=str(reason(error)), seconds=round(time.monotonic() - begin, 3))


def _in_mode(recorded: Recorded, name: str, folder: Path, begin: float, mode: str) -> Lowered:
    """As the mode has it, or as the default one where the mode's choices need the device."""
    try:
        return _lowered(recorded, name, folder, begin, mode)
    except here.NotPossible:
        raise
    except Exception as error:
        if mode == "default":
            raise
        made = _lowered(recorded, name, folder, begin, "default")
        why = f"graph {recorded.id} is as the default mode has it: {mode} could not choose without the device ({error})"
        return replace(made, why=" ".join(why.split())[:400])


def _lowered(recorded: Recorded, name: str, folder: Path, begin: float, mode: str) -> Lowered:
    if name != NATIVE:
        here.pretend(here.target(name))
    stops = alone(recorded.module)
    graph, examples = lower.static(recorded)
    with lower.settings(mode, present=name == NATIVE):
        graph = graphs.copied(graph)
        there, fakes = lower.swapped(graph, examples, torch.device("cuda", 0))
        made = lower.plan(graph, there, fakes, recorded.kind, provenance.watching)
        if made.lowering is None:  # Inductor hands back what a graph without a call is given
            if any(node.op.startswith("call") for node in graph.graph.nodes):
                raise Stopped("", "Inductor wrote no code for it")
            return Lowered(name, seconds=round(time.monotonic() - begin, 3), interpreted="same")
        traced = provenance.trace(made, recorded.line)
    (folder / saved.MODULE).write_text(made.module, "utf-8")
    why = ""
    if recorded.values:
        why = saved.values(recorded, folder, made.lowering.module, frozenset(traced.buffers.values()))
    seconds = round(time.monotonic() - begin, 3)
    data = {
        "target": name, "stopped_by": stops, "seconds": seconds, "kernels": [plain(one) for one in traced.kernels],
        "buffers": traced.buffers, "calls": traced.calls, "values": why,
    }  # fmt: skip
    (folder / saved.KERNELS).write_text(json.dumps(data), "utf-8")
    module = f"{recorded.folder.name}/{name}/{saved.MODULE}"
    return Lowered(name, traced.kernels, stops, module, seconds)


def alone(graph: torch.fx.GraphModule) -> str:
    """The operator, and why, that has no kernel for a GPU; Inductor would leave its call in. Empty when there is none.

    Of torch's own operators a build without CUDA does not know; those for the CPU alone are told by their names.
    """
    core: Any = torch._C
    for node in graph.graph.nodes:
        target = node.target
        if node.op != "call_function" or not isinstance(target, torch._ops.OpOverload):
            continue
        if target.namespace in ("aten", "prims", "inductor", "_c10d_functional", "c10d_functional", "higher_order"):
            if _ON_CPU_ALONE.search(str(target)):
                return f"{target}: this operator exists for the CPU alone."
            continue
        if not core._dispatch_has_computed_kernel_for_dispatch_key(str(target._schema.name), "CUDA"):
            return f"{target}: this operator has no kernel for GPUs (as far as this machine's build of it says)."
    return ""


def reason(error: BaseException) -> Stopped:
    """Which op could not be lowered and why, from what Inductor raised."""
    texts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(texts) < 8:
        texts.append(str(cause))
        cause = cause.__cause__ or cause.__context__
    for pattern in (_TARGET, _EXECUTING):
        found = next((one[1] for text in texts for one in [pattern.search(text)] if one), None)
        if found is not None:
            return Stopped(_plain(found), _first_line(error))
    return Stopped(_at_work(error), _first_line(error))


def _at_work(error: BaseException) -> str:
    """The ops that Inductor was busy with: those of the innermost frame that has a node of a graph in its hands."""
    seen: set[int] = set()
    cause: BaseException | None = error
    frames: list[Any] = []
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        frames = [frame for frame, _ in traceback.walk_tb(cause.__traceback__)] or frames
        cause = cause.__cause__
    for frame in reversed(frames):
        for name in ("n", "node", "fx_node", "self"):
            held = frame.f_locals.get(name)
            held = getattr(held, "node", None) if hasattr(held, "read_writes") else held
            origins = [held] if isinstance(held, torch.fx.Node) else getattr(held, "origins", None) or ()
            ops = {
                provenance.op_of(one) for one in origins if isinstance(one, torch.fx.Node) and one.op == "call_function"
            }
            if ops:
                return ", ".join(sorted(ops)[:6])
    return ""


def _plain(target: str) -> str:
    return target.removeprefix("torch.ops.").removeprefix("torch._ops.")


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
