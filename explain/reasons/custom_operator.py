"""A custom operator that does not say what comes out of it."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason


def _claims(evidence: Evidence) -> bool:
    return "no fake impl registered" in f"{evidence.title} {evidence.context}"


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"an operator that does not say what comes out of it: {source}" if source else ""


REASON = Reason(
    title="an operator does not say what comes out of it",
    happened="""
        The compiled function calls an operator that was registered by you or by a package, and it
        has no fake implementation.
        """,
    why="""
        Dynamo records a graph without computing. For each operator it asks which shape and dtype
        will come out; that answer is the fake implementation. Without it the graph can't go on.
        """,
    instead="""
        Write one. It makes an empty tensor of the right shape and dtype, nothing more:

            @torch.library.custom_op("mine::twice", mutates_args=())
            def twice(x: torch.Tensor) -> torch.Tensor:
                return my_kernel(x)

            @twice.register_fake
            def _(x):
                return torch.empty_like(x)

        For an operator of a package: `torch.library.register_fake("package::operator")`.
        """,
    cost="""
        Dynamo may stop the program with an error at this place, or the graph is cut around the
        operator.
        """,
    kinds=("GB0043", "GB3069"),
    names=("fake impl", "pt2-compliant"),
    claims=_claims,
    before=("operator-fails", "dynamo-error"),
    headline=_headline,
    steps=(
        "Give the operator a fake implementation with `register_fake`: an empty tensor of the right shape and dtype.",
    ),
    outside=('Register one from outside, before the first call: `torch.library.register_fake("package::operator")`.',),
    example=Example(
        bad="""
            import torch

            @torch.library.custom_op("g2_example_without::twice", mutates_args=())
            def twice(x: torch.Tensor) -> torch.Tensor:
                return x * 2

            @torch.compile
            def step(x):
                return twice(x + 1) + 1

            try:
                step(torch.ones(3))
            except Exception:
                pass
            """,
        good="""
            import torch

            @torch.library.custom_op("g2_example_with::twice", mutates_args=())
            def twice(x: torch.Tensor) -> torch.Tensor:
                return x * 2

            @twice.register_fake
            def _(x):
                return torch.empty_like(x)

            @torch.compile
            def step(x):
                return twice(x + 1) + 1

            step(torch.ones(3))
            """,
    ),
    see_also=("operator-fails", "compiled-extension"),
)
