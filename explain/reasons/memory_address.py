"""data_ptr() and other questions about where a tensor lies."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot
from g2.explain.scan.model import Sureness


def _claims(evidence: Evidence) -> bool:
    return "DataPtrVariable()" in evidence.context


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a decision rests on where a tensor lies in memory: {source}" if source else ""


def _asked(event: Event) -> Spot | None:
    return Spot(event.node, "a tensor's place in memory is asked for: {}", (Need(event.receiver),), Sureness.LIKELY)


REASON = Reason(
    title="a decision rests on where a tensor lies in memory",
    happened="""
        The compiled function compares or tests memory addresses (`data_ptr()`), or asks whether a
        tensor's memory is shared.
        """,
    why="""
        While Dynamo traces, tensors have no memory. Where they will lie is decided later, and a
        compiled graph may not make some of them at all.
        """,
    instead="""
        Ask for the object instead of its memory:

            if y is x:          # not y.data_ptr() == x.data_ptr()

        Or settle the question once, outside, and pass in a bool.
        """,
    cost="""
        The graph is cut, for a question with the same answer at almost every call.
        """,
    kinds=("GB5976", "GB9118", "GB0998", "GB1576", "GB5282", "GB7020", "GB7905", "GB8587"),
    names=("data pointer", "cow tensor"),
    claims=_claims,
    headline=_headline,
    steps=("Compare objects (`y is x`) instead of addresses, or settle it once outside the compiled function.",),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                if y.data_ptr() == x.data_ptr():
                    return y + 1
                return y - 1

            step(torch.ones(3))
            """,
        good="""
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                if y is x:
                    return y + 1
                return y - 1

            step(torch.ones(3))
            """,
    ),
    see_also=("storage-change",),
    seen=(Detector("call", _asked, methods=("data_ptr",)),),
)
