"""The part that brings each graph of a call to each target, and says what its kernels are."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from g2.capture.codec import plain
from g2.check.asked import Asked
from g2.check.child import graphs, lines, lower, saved, targets, traffic
from g2.check.child.graphs import Recorded
from g2.check.child.moment import Moment, Tell
from g2.check.devices import NATIVE
from g2.check.model import Graph, Lowered

# Operators that Inductor times templates of its own for, against the library's.
_TIMED = (
    "aten.mm.", "aten.addmm.", "aten.bmm.", "aten.baddbmm.", "aten._scaled_mm.", "aten._int_mm.", "aten.convolution.",
    "flex_attention",
)  # fmt: skip


def work(moment: Moment, asked: Asked, folder: Path, tell: Tell) -> None:
    """Tell every graph of the call. Raises what the call itself raises, and OSError when the disk is full."""
    begin = time.monotonic()
    found = graphs.of(moment, folder)
    _spent(tell, begin)
    ends = begin + asked.seconds * 0.9  # what is known is to be told before this part is ended
    if not found.graphs and not found.refused:
        why = "Dynamo made no graph of this call; g2 explain says what keeps it from one"
        tell({"e": "failed", "name": "kernels", "why": why})
    for note in found.notes:
        tell({"e": "note", "what": note})
    for recorded in found.graphs:
        saved.describe(recorded)
        if recorded.why:
            what = f"Of graph {recorded.id} ({recorded.kind}) no values were kept, since {recorded.why}."
            tell({"e": "note", "what": what})
        if lower.sized_by_values(recorded.module):
            what = f"Sizes in graph {recorded.id} come from values of tensors; bytes and FLOPs count each of them as 1."
            tell({"e": "note", "what": what})
    for note in _of_mode(asked, found.graphs):
        tell({"e": "note", "what": note})
    done: dict[str, list[Lowered]] = {}
    for at, name in enumerate(asked.targets):
        started = time.monotonic()
        done[name] = targets.bring(found.graphs, name, (ends - started) / (len(asked.targets) - at), asked.mode)
        _spent(tell, started)
    for at, recorded in enumerate(found.graphs):
        told = _told(recorded, tuple(each[at] for each in done.values()))
        tell({"e": "graph", "graph": plain(told), "folder": recorded.folder.name})
    for identity, why in found.refused:
        stopped = tuple(Lowered(name, stopped_by=why) for name in asked.targets)
        tell({"e": "graph", "graph": plain(Graph(identity, "forward", 0, lowered=stopped))})


def _of_mode(asked: Asked, recorded: Sequence[Recorded]) -> Iterator[str]:
    """What of --mode is not to be seen in kernels that are made without the device."""
    if asked.mode == "default":
        return
    yield f"--mode {asked.mode} replays kernels from CUDA graphs, which changes none of them; floors are without that."
    if asked.mode != "max-autotune" or set(asked.targets) == {NATIVE}:
        return
    ops = [op for one in recorded for node in one.module.graph.nodes if (op := str(node.target)).startswith(_TIMED)]
    said = f": templates for {', '.join(sorted(set(ops)))}, and tile sizes" if ops else ": tile sizes"
    yield f"What --mode max-autotune chooses by timing candidates on the device is as the default mode has it{said}."


def _spent(tell: Tell, begin: float) -> None:
    tell({"e": "spent", "what": "compile", "s": round(time.monotonic() - begin, 3)})


def _told(recorded: Recorded, lowered: tuple[Lowered, ...]) -> Graph:
    nodes = [node for node in recorded.module.graph.nodes if node.op == "call_function"]
    whole = next((one for one in lowered if one.kernels), None)
    flops = sum(kernel.flops for kernel in whole.kernels) if whole is not None else 0
    where = lines.of_nodes(nodes) or recorded.line
    needed = traffic.needed(recorded.module)
    return Graph(recorded.id, recorded.kind, len(nodes), where, recorded.eager_bytes, needed, flops, lowered)
