"""A hand-made result of g2 fix over real files: everything that the command must be able to show and write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import samples

from g2.capture.model import Cost, Session, Span
from g2.rewrite.change import digest
from g2.rewrite.diff import unified
from g2.rewrite.fix import Result
from g2.rewrite.model import (
    Alone,
    Counts,
    Edit,
    FileEdits,
    Fixing,
    Offer,
    Proof,
    Proposal,
    Safety,
    Target,
    Trial,
)
from g2.rewrite.plan import absolute
from g2.rewrite.state import State

MODEL = '''\
"""A model."""

import torch


class Block(torch.nn.Module):
    def forward(self, x):
        h = self.norm(x)
        if h.sum() > 0:
            h = h * 2  # doubled
        print("mean", h.mean())
        return self.out(h)
'''
TRAIN = '#!/usr/bin/env python\n"""Trains."""\n\nimport torch\nfrom model import Block\n\nBlock()\n'
LIBRARY = "def step(x, n):\n    if n.item() > 3:\n        x = x + 1\n    return x\n"
SITE = "env/lib/python3.11/site-packages"
MODELING = f"{SITE}/acme/models/led/modeling_led.py"

PROOF = Proof(
    (
        Trial("Block.forward", "as recorded", "same"),
        Trial("Block.forward", "x negated", "close", "3.1e-07 of 1.2e-06"),
        Trial("Block.forward", "x negated, compiled", "same"),
        Trial("Block.forward", "x of NaN", "refused", "ValueError: not finite"),
        Trial("Block.forward", "a batch of 7", "unable", "the module is built for 4"),
    ),
    ((Span("model.py", 9, 11, 9, 22), True, True),),
)


def files(folder: Path) -> None:
    """The files that the result is about."""
    for name, text in {"model.py": MODEL, "train.py": TRAIN, MODELING: LIBRARY}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    metadata = folder / SITE / "acme_models-4.52.4.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text("Name: acme-models\nVersion: 4.52.4\n\n")
    (metadata / "RECORD").write_text("acme/models/led/modeling_led.py,,\n")


def session(folder: Path, **changes: Any) -> Session:
    """The record: one of its breaks has a cost."""
    cost = Cost(per_call_ms=1.84, samples=9)
    place = replace(samples.BRANCH_BREAK, span=Span("model.py", 9, 11, 9, 22), stack=(), cost=cost)
    own: dict[str, Any] = {"cwd": str(folder), "argv": ("train.py",), "breaks": (place,), "recompiles": (), "roots": ()}
    return samples.session(**(own | changes))


def result(folder: Path) -> Result:
    """Three rewrites, one of them in a library, and two places that are left alone."""
    model, library = str(folder / "model.py"), str(folder / MODELING)
    state, offers, keys = State(), [], {}
    for number, (target, proposal, proof, needs) in enumerate(_proposals(model, library), 1):
        home = (absolute(target.span.path, str(folder)), target.span.line)
        placed = state.place(target, home, proposal)
        alone = State().plus(placed)
        state = state.plus(placed)
        keys[number] = (placed.key,)
        diffs = tuple(
            (path, unified(Path(path).relative_to(folder).as_posix(), text.source.text, text.draw()))
            for path, text in alone.changed().items()
        )
        offers.append(Offer(number, (target,), proposal, proposal.safety, proof, diffs, needs))
    left = (
        Alone(
            Target("optimizer-step", Span("train.py", 7, 0, 7, 7), "<module>", "`opt.step()` in the region", True),
            ("the optimizer is made in another file (region-anew)", "no input could be made for it"),
            ("Compile the model alone:\n\n    model.compile()\n",),
        ),
        Alone(
            Target("c-function", Span(MODELING, 4, 0, 4, 8), "step", "a function written in C", False, "acme-models"),
            (),
            (),
        ),
    )
    fixing = Fixing(
        argv=("train.py",),
        cwd=str(folder),
        script=str(folder / "train.py"),
        before=Counts(5, 4, 2),
        after=Counts(1, 1, 2),
        offers=tuple(offers),
        alone=left,
        files=tuple((path, digest(Path(path).read_bytes())) for path in (model, library)),
        rounds=2,
        runs=5,
        seconds=12.3,
        notes=("the search was ended after 8 rounds",),
    )
    return Result(fixing, state, keys)


def _proposals(model: str, library: str) -> list[tuple[Target, Proposal, Proof, tuple[int, ...]]]:
    def edits(path: str, text: str, old: str, new: str) -> tuple[FileEdits, ...]:
        start = text.index(old)
        return (FileEdits(path, (Edit(start, start + len(old), new),)),)

    branch = "if h.sum() > 0:\n            h = h * 2  # doubled"
    return [
        (
            Target("tensor-branch", Span("model.py", 9, 11, 9, 22), "Block.forward", "`if` on h.sum() > 0", True),
            Proposal(
                "branch-to-where",
                "the branch becomes torch.where",
                Safety.SAFE,
                edits(model, MODEL, branch, "h = torch.where(h.sum() > 0, h * 2, h)  # doubled"),
            ),
            PROOF,
            (),
        ),
        (
            Target("print-call", Span("model.py", 11, 8, 11, 31), "Block.forward", "`print` in the region", True),
            Proposal(
                "message-after-region",
                "the text is printed after the region",
                Safety.ASK,
                edits(model, MODEL, '        print("mean", h.mean())\n', ""),
                caveat="When the call raises behind it, nothing is printed.",
            ),
            replace(PROOF, sides=()),
            (),
        ),
        (
            Target("host-value", Span(library, 2, 7, 2, 15), "step", "`.item()`: n.item()", False, "acme-models"),
            Proposal(
                "item-kept-as-tensor",
                "the number stays a tensor",
                Safety.SAFE,
                edits(library, LIBRARY, "if n.item() > 3:\n        x = x + 1", "x = torch.where(n > 3, x + 1, x)"),
            ),
            PROOF,
            (1,),
        ),
    ]
