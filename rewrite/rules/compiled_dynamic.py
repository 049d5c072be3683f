"""The first compilation is dynamic already: torch.compile(..., dynamic=True)."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._compiles import Compiles
from g2.rewrite.rules._options import asked_for, bounds
from g2.rewrite.rules._options_together import setting
from g2.rewrite.site import Site
from g2.rewrite.source import Source

_KINDS = {"size", "value", "shape-relation", "length"}
_CAVEAT = "Sizes that never change are dynamic then too, which makes the compiled code somewhat more general."


def _propose(site: Site) -> Iterator[Proposal | Left]:
    guards = site.recompile.guards if site.recompile else ()
    if not any(guard.kind in _KINDS for guard in guards):
        yield Left("no size or number changed")
        return
    if all(guard.kind == "size" and guard.source.startswith("self.") for guard in guards):
        yield Left("the size is that of a module's own tensor: each module gets code of its own")
        return
    found = asked_for(site)
    if isinstance(found, Left):
        yield from setting(site, _CAVEAT, assume_static_by_default=False)
        return
    source, asked = found
    edits: list[Edit] = []
    for one in asked:
        if any(keyword.arg == "dynamic" for keyword in _keywords(one)):
            yield Left("the script says itself what is dynamic")
            return
        edits.append(_with_keyword(source, one))
    files = (FileEdits(source.path, tuple(dict.fromkeys(edits))),)
    yield Proposal("", "it is compiled with dynamic=True", Safety.ASK, files, caveat=_CAVEAT)


def _keywords(one: Compiles) -> list[ast.keyword]:
    return one.expression.keywords if isinstance(one.expression, ast.Call) else []


def _with_keyword(source: Source, one: Compiles) -> Edit:
    end = bounds(source, one.expression)[1]
    if not isinstance(one.expression, ast.Call):
        return Edit(end, end, "(dynamic=True)")
    given = [*one.expression.args, *(keyword.value for keyword in one.expression.keywords)]
    if not given:
        return Edit(end - 1, end - 1, "dynamic=True")
    last = max(bounds(source, value)[1] for value in given)
    return Edit(last, last, ", dynamic=True")


RULE = Rule(
    title="sizes and numbers are dynamic from the first compilation on",
    answers=("changing-size", "zero-one-size", "changing-number", "changing-closure", "shape-relation"),
    legal="""
        Always: dynamic=True changes how Dynamo compiles and not what the program computes. Where the script
        compiles nothing itself, assume_static_by_default=False says the same. The trial run has to show a recompile
        less.
        """,
    safety=Safety.ASK,
    propose=_propose,
    rank=75,
    examples=(
        Example(
            "a number that is an argument",
            """
            import torch

            @torch.compile
            def step(x, k):
                return x * k

            for k in (2, 3, 4):
                print(step(torch.ones(3), k))
            """,
            """
            import torch

            @torch.compile(dynamic=True)
            def step(x, k):
                return x * k

            for k in (2, 3, 4):
                print(step(torch.ones(3), k))
            """,
        ),
        Example(
            "a compile call with options",
            """
            import torch

            def double(x):
                return x * 2

            step = torch.compile(double, fullgraph=True)
            for n in (4, 5):
                print(step(torch.ones(n, 3)).shape)
            """,
            """
            import torch

            def double(x):
                return x * 2

            step = torch.compile(double, fullgraph=True, dynamic=True)
            for n in (4, 5):
                print(step(torch.ones(n, 3)).shape)
            """,
        ),
        Example(
            "the script compiles nothing itself",
            """
            import torch

            class Net(torch.nn.Module):
                def forward(self, x):
                    return x * 2

            net = Net()
            print([net(torch.ones(n)).sum() for n in (4, 5)])
            """,
            """
            import torch

            torch._dynamo.config.assume_static_by_default = False

            class Net(torch.nn.Module):
                def forward(self, x):
                    return x * 2

            net = Net()
            print([net(torch.ones(n)).sum() for n in (4, 5)])
            """,
        ),
    ),
    negatives=(
        Negative(
            "the script asks for static sizes",
            """
            import torch

            @torch.compile(dynamic=False)
            def step(x):
                return x * 2

            for n in (4, 5):
                print(step(torch.ones(n)))
            """,
        ),
        Negative(
            "it is dynamic already",
            """
            import torch

            @torch.compile(dynamic=True)
            def step(x):
                return x * 2 if x.shape[0] > 4 else x

            for n in (4, 5):
                print(step(torch.ones(n)))
            """,
        ),
        Negative(
            "the script chose the option itself",
            """
            import torch

            torch._dynamo.config.assume_static_by_default = True

            class Net(torch.nn.Module):
                def forward(self, x):
                    return x * 2

            net = Net()
            print([net(torch.ones(n)).sum() for n in (4, 5)])
            """,
        ),
        Negative(
            "the size is that of a module's own tensor",
            """
            import torch

            class Net(torch.nn.Module):
                def __init__(self, size):
                    super().__init__()
                    self.register_buffer("scale", torch.ones(size))

                def forward(self, x):
                    return x.sum() * self.scale

            for net in (Net(3), Net(4)):
                print(net(torch.ones(5)))
            """,
        ),
        Negative(
            "a dtype changed",
            """
            import torch

            @torch.compile
            def step(x):
                return x * 2

            for dtype in (torch.float32, torch.float64):
                print(step(torch.ones(3, dtype=dtype)))
            """,
        ),
    ),
)
