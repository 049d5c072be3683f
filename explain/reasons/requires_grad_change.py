"""requires_grad is changed inside a compiled function."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot
from g2.explain.scan.model import Sureness


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"`requires_grad` is changed inside a compiled function: {source}" if source else ""


def _set(event: Event) -> Spot | None:
    return Spot(event.node, "`requires_grad` is changed inside a compiled function: {}", (Need(event.receiver),))


def _called(event: Event) -> Spot | None:
    # On an intermediate result that stays inside it is traced; on an input or an output it is not.
    headline = "`requires_grad` is changed inside a compiled function: {}"
    return Spot(event.node, headline, (Need(event.receiver),), Sureness.LIKELY)


REASON = Reason(
    title="requires_grad is changed inside a compiled function",
    happened="""
        The compiled function sets `x.requires_grad = True` or calls `x.requires_grad_()`.
        """,
    why="""
        Whether a tensor wants a gradient decides how the whole graph is differentiated, and that
        must be settled before the graph starts. Dynamo ends the graph at the change.
        """,
    instead="""
        Set it before the compiled function:

            x.requires_grad_()
            y = step(x)

        To stop a gradient in the middle, use `detach`; to freeze weights, do it once after
        building the model.
        """,
    cost="""
        The graph is cut, and what stands behind is compiled again for a tensor with the other
        setting. In a loop over parameters the whole function stays uncompiled.
        """,
    kinds=("GB0125", "GB0206", "GB8985", "GB7324", "GB0104", "GB0108"),
    names=("requires_grad",),
    headline=_headline,
    steps=("Set it before the compiled function; inside, use `detach()` to stop a gradient.",),
    outside=(
        "When it serves gradient checkpointing or adapters: look for a switch of the library, or "
        "set it on the inputs yourself.",
    ),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                y.requires_grad = True
                return y + 1

            step(torch.ones(3))
            """,
        good="""
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                return y + 1

            step(torch.ones(3, requires_grad=True))
            """,
    ),
    see_also=("backward-in-region", "storage-change"),
    seen=(Detector("set", _set, methods=("requires_grad",)), Detector("call", _called, methods=("requires_grad_",))),
)
