"""A torch.autograd.Function that Dynamo can't take in."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"an autograd.Function that can't go into the graph: {source}" if source else ""


REASON = Reason(
    title="an autograd.Function can't go into the graph",
    happened="""
        The compiled function applies a `torch.autograd.Function` of a form that Dynamo does not
        take in: with a `jvp` or `vjp` of its own, with an unusual use of `ctx`, with keyword-only
        arguments, or with a `forward` that is no plain function.
        """,
    why="""
        For an autograd.Function Dynamo traces `forward` and `backward` and puts both into the
        graph. What else the class can do has no place there.
        """,
    instead="""
        Keep the class plain: static `forward` and `backward`, `ctx.save_for_backward`, tensors in
        and out.

            class Double(torch.autograd.Function):
                @staticmethod
                def forward(ctx, x):
                    return x * 2

                @staticmethod
                def backward(ctx, grad):
                    return grad * 2

        Or register the operation with `torch.library.custom_op` and `register_autograd`.
        """,
    cost="""
        The operation runs by itself, between two graphs.
        """,
    kinds=(
        "GB0019",
        "GB0085",
        "GB0138",
        "GB0139",
        "GB0140",
        "GB0144",
        "GB0145",
        "GB0346",
        "GB0347",
        "GB0348",
        "GB0352",
        "GB2019",
        "GB2464",
        "GB4372",
        "GB6297",
        "GB8982",
        "GB9958",
    ),
    names=("autograd.function", "autograd_function", "custom jvp", "custom vjp"),
    headline=_headline,
    steps=(
        "Keep the class to static `forward` and `backward` with `ctx.save_for_backward`; drop "
        "`jvp` where it is not used.",
    ),
    example=Example(
        bad="""
            import torch

            class Double(torch.autograd.Function):
                @staticmethod
                def forward(ctx, x):
                    return x * 2

                @staticmethod
                def backward(ctx, grad):
                    return grad * 2

                @staticmethod
                def jvp(ctx, tangent):
                    return tangent * 2

            @torch.compile
            def step(x):
                return Double.apply(x + 1) + 1

            step(torch.ones(3, requires_grad=True))
            """,
        good="""
            import torch

            class Double(torch.autograd.Function):
                @staticmethod
                def forward(ctx, x):
                    return x * 2

                @staticmethod
                def backward(ctx, grad):
                    return grad * 2

            @torch.compile
            def step(x):
                return Double.apply(x + 1) + 1

            step(torch.ones(3, requires_grad=True))
            """,
    ),
    see_also=("custom-operator", "gradient-hook"),
)
