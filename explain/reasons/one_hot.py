"""one_hot reads the index to find or to check the number of classes."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Spot


def _claims(evidence: Evidence) -> bool:
    return evidence.kind in {"GB0033", "GB0246"} and "one_hot" in f"{evidence.context} {evidence.source}"


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source)
    return f"`one_hot` looks at the values of its index: {source}" if source else ""


def _called(event: Event) -> Spot | None:
    if len(event.args) > 1 or "num_classes" in event.keywords:
        return None
    return Spot(event.node, "one_hot() has to look at the data for its size: {}")


REASON = Reason(
    title="one_hot looks at the values of its index",
    happened="""
        `torch.nn.functional.one_hot` was called without a number of classes, or with one that
        comes from a tensor.
        """,
    why="""
        Without a number of classes `one_hot` takes the largest index plus one, so the width of
        its result depends on the data. Dynamo records a graph without computing and can't know
        that width.
        """,
    instead="""
        Say how many classes there are, as a Python number:

            F.one_hot(labels, num_classes=10)

        Or compare with the class numbers. This form never looks at the values, but an index out
        of range gives a row of zeros instead of an error:

            (labels.unsqueeze(-1) == torch.arange(10, device=labels.device)).long()
        """,
    cost="""
        Every call waits for the device to find the largest index and then starts a second graph.
        A width that changes compiles the code behind it again.
        """,
    kinds=("GB0246",),
    claims=_claims,
    before=("host-value", "data-dependent-answer"),
    headline=_headline,
    steps=(
        "Give the number of classes as a Python number: `F.one_hot(labels, num_classes=10)`.",
        "When it breaks even so: `(labels.unsqueeze(-1) == torch.arange(10, device=labels.device)).long()`.",
    ),
    example=Example(
        bad="""
            import torch
            import torch.nn.functional as F

            @torch.compile
            def encode(labels):
                return F.one_hot(labels + 1).float()

            encode(torch.tensor([0, 1, 2]))
            """,
        good="""
            import torch

            @torch.compile
            def encode(labels):
                classes = torch.arange(4, device=labels.device)
                return ((labels + 1).unsqueeze(-1) == classes).float()

            encode(torch.tensor([0, 1, 2]))
            """,
    ),
    see_also=("data-dependent-shape",),
    seen=(Detector("call", _called, names=("torch.nn.functional.one_hot",)),),
)
