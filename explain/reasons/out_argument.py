"""out= with a tensor that does not fit."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot
from g2.explain.scan.model import Sureness


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"`out=` gets a tensor that does not fit: {source}" if source else ""


def _given(event: Event) -> Spot | None:
    out = event.keywords.get("out")
    if out is None:
        return None
    headline = "a result is written into a given tensor: {}"
    return Spot(event.node, headline, (Need(out), Need(out, "tensors")), Sureness.LIKELY, either=True)


REASON = Reason(
    title="`out=` gets a tensor that does not fit",
    happened="""
        An operator was called with `out=`, and that tensor has another shape than the result, or
        is not contiguous.
        """,
    why="""
        Eager torch would resize the tensor. In a graph a tensor keeps one size, so this can't be
        written down.
        """,
    instead="""
        Take the result as a new tensor. The compiler reuses memory by itself, so `out=` saves
        nothing in a graph:

            y = torch.add(a, b)          # not torch.add(a, b, out=buffer)
        """,
    cost="""
        The graph is cut at the call.
        """,
    kinds=("GB0240", "GB0241", "GB0242", "GB0247"),
    names=("`out=`", "out= "),
    headline=_headline,
    steps=("Drop `out=` and take the result: in a graph the compiler reuses memory by itself.",),
    example=Example(
        bad="""
            import torch

            buffer = torch.empty(0)

            @torch.compile
            def step(x):
                y = x * 2
                torch.add(y, 1, out=buffer)
                return buffer + 1

            step(torch.ones(3))
            """,
        good="""
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                z = torch.add(y, 1)
                return z + 1

            step(torch.ones(3))
            """,
    ),
    see_also=("storage-change",),
    seen=(Detector("call", _given, names=("torch.*",)),),
)
