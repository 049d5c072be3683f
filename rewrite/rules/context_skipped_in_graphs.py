"""A context that has no effect on what a graph computes is entered only where nothing is compiled."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._kinds import dotted
from g2.rewrite.rules._names import nodes
from g2.rewrite.rules._torch_name import torch_names
from g2.rewrite.site import Site

_WIDTH = 100  # characters
_RANGE = "compiled calls have no range of their own in the profile"
_CHECKED = "compiled calls are not searched for anomalies"
# What a graph lacks without each; all of them leave the values of eager code alone, but for the choice of a kernel.
_CONTEXTS = {
    "torch.backends.cudnn.flags": "on a CUDA device compiled calls may use cuDNN's kernels there, or others of them",
    "torch.backends.mkldnn.flags": "compiled calls may use oneDNN's kernels there",
    "torch.backends.mkl.verbose": "compiled calls are not reported by MKL",
    "torch.backends.mkldnn.verbose": "compiled calls are not reported by oneDNN",
    "torch.autograd.detect_anomaly": _CHECKED,
    "torch.autograd.set_detect_anomaly": _CHECKED,
    "torch.autograd.anomaly_mode.detect_anomaly": _CHECKED,
    "torch.autograd.anomaly_mode.set_detect_anomaly": _CHECKED,
    "torch.cuda.nvtx.range": _RANGE,
    "torch.autograd.profiler.emit_nvtx": _RANGE,
    "torch.autograd.profiler.emit_itt": _RANGE,
    "torch.autograd.profiler.record_function": _RANGE,
    "torch.profiler.record_function": _RANGE,
    "torch.autograd.profiler.profile": _RANGE,
    "torch.profiler.profile": _RANGE,
}


def _propose(site: Site) -> Iterator[Proposal | Left]:
    piece, names = site.piece, torch_names(site.source)
    around = [n for n in (site.node, *piece.ancestors(site.node)) if isinstance(n, cst.With)]
    if not around:
        return
    line = piece.span(around[0]).line
    if not line <= site.span.line <= piece.span(around[0].body).line:
        return
    for item in around[0].items:
        call = item.item
        known = _CONTEXTS.get(names.dotted(dotted(call.func))) if isinstance(call, cst.Call) else None
        if known is None:
            continue
        if item.asname is not None:
            yield Left("what the context gives is used")
            return
        if any(isinstance(n, (cst.Await, cst.NamedExpr)) for n in nodes(call)):
            yield Left("its arguments have effects")
            return
        null, imports = _null(site)
        chosen = f"{null} if {names.torch}.compiler.is_compiling() else {piece.code(call)}"
        edits: tuple[Edit, ...] = (piece.replace(call, chosen),)
        start, end = piece.bounds(call)
        text, column = site.source.line(line), site.source.position(start)[1]
        if column + len(chosen) + len(text.rstrip()) - column - (end - start) > _WIDTH:
            name, begin = piece.fresh("context"), piece.bounds(around[0])[0]
            edits = (Edit(begin, begin, f"{name} = {chosen}\n{piece.indent(around[0])}"), piece.replace(call, name))
        yield Proposal(
            rule="",
            summary="the context is entered only outside of graphs",
            safety=Safety.ASK,
            files=(FileEdits(site.source.path, edits, imports=(*names.imports, *imports)),),
            caveat=known,
        )
        return
    yield Left("what the context does inside a graph is not known")


def _null(site: Site) -> tuple[str, tuple[str, ...]]:
    """How the file writes contextlib.nullcontext(), and the import that it lacks."""
    for node in site.source.tree.body:
        for alias in getattr(node, "names", []):
            module = getattr(node, "module", None)
            if module == "contextlib" and alias.name == "nullcontext":
                return f"{alias.asname or alias.name}()", ()
            if module is None and alias.name == "contextlib":
                return f"{alias.asname or alias.name}.nullcontext()", ()
    if "nullcontext" in site.piece.names():
        return "contextlib.nullcontext()", ("import contextlib",)
    return "nullcontext()", ("from contextlib import nullcontext",)


RULE = Rule(
    title="a context without effect on a graph is left out of it",
    answers=(
        "context-manager",
        "profiler-range",
        "non-tensor-result",
        "skipped-function",
        "torch-setting",
        "generator-function",
        "thread-state",
    ),
    legal="""
        The context is one of torch's own that only chooses kernels, records ranges or checks for anomalies, and what it
        gives is not used. Outside of graphs nothing changes. ASK, with the effect named that a graph then lacks. Locks,
        random states, gradient modes and contexts of others are left alone.
        """,
    safety=Safety.ASK,
    propose=_propose,
    rank=40,
    examples=(
        Example(
            "flags of cuDNN",
            before="""
import torch
from torch import nn

fc = nn.Linear(3, 3)


@torch.compile
def step(x):
    y = fc(x).log_softmax(-1)
    with torch.backends.cudnn.flags(enabled=False):  # cuDNN's is not deterministic
        loss = nn.functional.nll_loss(y, torch.zeros(2, dtype=torch.long))
    return loss * 2


print(step(torch.ones(2, 3)).shape)
""",
            after="""
from contextlib import nullcontext

import torch
from torch import nn

fc = nn.Linear(3, 3)


@torch.compile
def step(x):
    y = fc(x).log_softmax(-1)
    context = nullcontext() if torch.compiler.is_compiling() else torch.backends.cudnn.flags(enabled=False)
    with context:  # cuDNN's is not deterministic
        loss = nn.functional.nll_loss(y, torch.zeros(2, dtype=torch.long))
    return loss * 2


print(step(torch.ones(2, 3)).shape)
""",
        ),
        Example(
            "a search for anomalies",
            before="""
import contextlib
import warnings

import torch as th
from torch import nn

warnings.simplefilter("ignore")

fc = nn.Linear(3, 3)


@th.compile
def step(x):
    with th.autograd.detect_anomaly():
        y = fc(x)
    return y * 2


with contextlib.suppress(KeyError):
    print(step(th.ones(2, 3)).shape)
""",
            after="""
import contextlib
import warnings

import torch as th
from torch import nn

warnings.simplefilter("ignore")

fc = nn.Linear(3, 3)


@th.compile
def step(x):
    with contextlib.nullcontext() if th.compiler.is_compiling() else th.autograd.detect_anomaly():
        y = fc(x)
    return y * 2


with contextlib.suppress(KeyError):
    print(step(th.ones(2, 3)).shape)
""",
        ),
    ),
    negatives=(
        Negative(
            "a lock guards other threads",
            """
import threading

import torch

lock = threading.Lock()


@torch.compile
def step(x):
    with lock:
        y = x * 2
    return y + 1


step(torch.ones(2))
""",
        ),
        Negative(
            "what the context gives is used",
            """
import torch


@torch.compile
def step(x):
    with torch.autograd.profiler.emit_nvtx(enabled=False) as ranges:
        y = x * 2
    return y + (ranges is None)


step(torch.ones(2))
""",
        ),
        Negative(
            "the random state is kept by it",
            """
import torch


@torch.compile
def step(x):
    with torch.random.fork_rng():
        y = torch.rand(2)
    return y + x


step(torch.ones(2))
""",
        ),
        Negative(
            "a context of the script's own",
            """
import torch


class Scale:
    value = 1

    def __enter__(self):
        print("in")

    def __exit__(self, *error):
        print("out")


@torch.compile
def step(x):
    with Scale():
        y = x * Scale.value
    return y + 1


step(torch.ones(2))
""",
        ),
    ),
)
