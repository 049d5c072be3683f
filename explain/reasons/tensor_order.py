"""sorted(), list.sort() and comparisons of Python's over tensors."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot
from g2.explain.scan.model import Sureness


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"Python puts tensors in order: {source}" if source else ""


def _sorted(event: Event) -> Spot | None:
    if not event.args or "key" in event.keywords:
        return None
    return Spot(event.node, "Python puts tensors in order: {}", (Need(event.args[0], "tensors"),))


def _compared(event: Event) -> Spot | None:
    needs = (Need(event.value, "tensors"), Need(event.receiver, "tensors"))
    return Spot(event.node, "Python compares lists of tensors: {}", needs, Sureness.LIKELY, either=True)


REASON = Reason(
    title="Python puts tensors in order",
    happened="""
        The compiled function sorts a list of tensors, sorts by a key that is a tensor, or
        compares lists of tensors.
        """,
    why="""
        Sorting compares numbers and moves things in Python by the answers. While Dynamo traces,
        tensors have no numbers, so the order isn't known.
        """,
    instead="""
        Sort in torch, on one tensor:

            values = torch.stack([a.sum(), b.sum()])
            smallest = values.sort().values[0]

        To put whole tensors in order: `order = values.argsort()` and `torch.stack([a,
        b])[order]`.
        """,
    cost="""
        Each comparison waits for the device; the graph is cut.
        """,
    kinds=("GB0207", "GB5565", "GB6622", "GB0215", "GB0222"),
    names=("sort with", "list_richcompare"),
    headline=_headline,
    steps=("Put the values into one tensor (`torch.stack`) and use `sort`, `argsort` or `topk`.",),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def smallest(a, b):
                return sorted([a.sum(), b.sum()])[0]

            smallest(torch.ones(3), torch.zeros(3))
            """,
        good="""
            import torch

            @torch.compile
            def smallest(a, b):
                return torch.stack([a.sum(), b.sum()]).sort().values[0]

            smallest(torch.ones(3), torch.zeros(3))
            """,
    ),
    see_also=("tensor-branch", "host-value"),
    seen=(Detector("call", _sorted, names=("builtins.sorted",)), Detector("compare", _compared)),
)
