"""torch.autograd.grad inside a compiled function."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Spot


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a gradient is taken inside a compiled function: {source}" if source else ""


def _taken(event: Event) -> Spot | None:
    return Spot(event.node, "a gradient is taken inside a compiled function: {}")


REASON = Reason(
    title="a gradient is taken inside a compiled function",
    happened="""
        The compiled function calls `torch.autograd.grad`, for a gradient penalty, a force, or a
        second derivative.
        """,
    why="""
        `torch.autograd.grad` is run by autograd's own engine, in C++, over a record that only
        exists once the forward has been computed. By default Dynamo does not trace it.
        """,
    instead="""
        Write the gradient as a function of a function. Dynamo can trace that:

            def energy(x):
                return (x * x).sum()

            force = -torch.func.grad(energy)(x)

        Or take the gradient outside the compiled function.

        Or switch the tracing on, before the first call (torch 2.11 or newer). It works when
        everything the gradient needs is computed in the same function:

            torch._dynamo.config.trace_autograd_ops = True
        """,
    cost="""
        The graph ends before the gradient and starts again behind it; both sides keep all their
        activations in memory.
        """,
    kinds=(
        "GB9186",
        "GB0371",
        "GB0372",
        "GB0373",
        "GB1381",
        "GB4927",
        "GB5748",
        "GB6663",
        "GB1724",
        "GB1140",
        "GB7299",
    ),
    names=("autograd.grad", "autograd_grad"),
    headline=_headline,
    steps=(
        "Write it with `torch.func.grad(function)(x)`, which Dynamo can trace.",
        "Or try `torch._dynamo.config.trace_autograd_ops = True` before the first call.",
    ),
    outside=("Try `torch._dynamo.config.trace_autograd_ops = True` before the first call.",),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def force(x):
                y = (x * x).sum()
                (slope,) = torch.autograd.grad(y, x)
                return -slope

            force(torch.ones(3, requires_grad=True))
            """,
        good="""
            import torch

            def energy(x):
                return (x * x).sum()

            @torch.compile
            def force(x):
                return -torch.func.grad(energy)(x)

            force(torch.ones(3))
            """,
        option="import torch; torch._dynamo.config.trace_autograd_ops = True",
    ),
    see_also=("backward-in-region", "function-transform"),
    seen=(
        Detector(
            "call",
            _taken,
            names=(
                "torch.autograd.grad",
                "torch.autograd.functional.jacobian",
                "torch.autograd.functional.hessian",
                "torch.autograd.functional.vjp",
                "torch.autograd.functional.jvp",
            ),
        ),
    ),
)
