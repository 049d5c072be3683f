"""torch.equal, allclose and the like: an operator that answers in Python from what is in a tensor."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source)
    return f"an operator gives a Python value made from tensor data: {source}" if source else ""


def _asked(event: Event) -> Spot | None:
    if event.name:
        return Spot(event.node, "the answer depends on the data: {}")
    return Spot(event.node, "the answer depends on the data: {}", (Need(event.receiver),))


REASON = Reason(
    title="an operator gives a Python value made from tensor data",
    happened="""
        An operator was called that returns a Python value, such as True or False, made from the
        numbers in a tensor: `torch.equal`, `torch.allclose`, `Tensor.is_nonzero`.
        """,
    why="""
        Dynamo records a graph without computing. A graph can only hand on tensors; a Python value
        that depends on the numbers does not exist until the graph has run.
        """,
    instead="""
        Use the form that answers with a tensor, and go on in tensors:

            same = (a == b).all()                    # not torch.equal(a, b)
            near = torch.isclose(a, b).all()         # not torch.allclose(a, b)
            y = torch.where(same, a + 1, a)

        When the answer decides what Python does next, ask the question outside the compiled
        function.
        """,
    cost="""
        The CPU waits until the device has finished everything queued so far, and a second graph
        starts behind the line.
        """,
    kinds=("GB0033",),
    headline=_headline,
    steps=(
        "Use the form that answers with a tensor: `(a == b).all()`, `torch.isclose(a, b).all()`, then `torch.where`.",
    ),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def step(a, b):
                same = torch.equal(a * 2, b)
                return a + 1 if same else a - 1

            step(torch.ones(3), torch.ones(3))
            """,
        good="""
            import torch

            @torch.compile
            def step(a, b):
                same = (a * 2 == b).all()
                return torch.where(same, a + 1, a - 1)

            step(torch.ones(3), torch.ones(3))
            """,
    ),
    see_also=("host-value", "tensor-branch"),
    seen=(
        Detector(
            "call",
            _asked,
            names=("torch.equal", "torch.allclose", "torch.is_nonzero"),
            methods=("equal", "allclose", "is_nonzero"),
        ),
    ),
)
