"""Somebody asked Dynamo to stop here."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Spot


def _claims(evidence: Evidence) -> bool:
    return evidence.kind == "GB0148" and "torch.compiler.disable" in evidence.context


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"kept out of graphs on purpose: {source}" if source else ""


def _called(event: Event) -> Spot | None:
    return Spot(event.node, "a function that is kept out of graphs is called: {}")


REASON = Reason(
    title="kept out of graphs on purpose",
    happened="""
        The code asks for it: a function is marked with `torch.compiler.disable`, or there is a
        call of `torch._dynamo.graph_break()` or of one of its relatives.
        """,
    why="""
        Somebody knew that this part is wrong or slow in a graph, or wanted to keep compilation
        short. Dynamo does as it is told.
        """,
    instead="""
        Ask whether the mark is still needed: take it off, and run g2 again. Marks often outlive
        the torch version they were made for.

        When it is needed, call the function where no graph is torn: at the beginning or the end
        of the compiled function, or outside it.
        """,
    cost="""
        The graph is cut at every call of the marked function, and the function runs uncompiled.
        """,
    kinds=(
        "GB0025",
        "GB0098",
        "GB0099",
        "GB0376",
        "GB0377",
        "GB4297",
        "GB4636",
        "GB0275",
        "GB0284",
        "GB0030",
        "GB0269",
    ),
    names=("compiler.disable", "_dynamo.disable", "forced graph break"),
    claims=_claims,
    headline=_headline,
    steps=(
        "Take the mark off and run g2 again: it may no longer be needed.",
        "When it is: call the function at the edge of the compiled code, or outside.",
    ),
    outside=("The library's authors keep this part out. Compile the parts before and behind it by themselves.",),
    example=Example(
        bad="""
            import torch

            @torch.compiler.disable
            def noise(x):
                return x + 1

            @torch.compile
            def step(x):
                return noise(x * 2) + 1

            step(torch.ones(3))
            """,
        good="""
            import torch

            def noise(x):
                return x + 1

            @torch.compile
            def step(x):
                return noise(x * 2) + 1

            step(torch.ones(3))
            """,
    ),
    see_also=("optimizer-in-region", "skipped-function"),
    seen=(Detector("instance", _called, names=("disabled",)),),
)
