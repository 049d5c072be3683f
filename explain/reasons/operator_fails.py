"""An operator fails already while Dynamo traces it."""

import re

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason

_TRACED = re.compile(r"fake tensor call|running FX node|FakeTensorException|TorchRuntimeError")


def _claims(evidence: Evidence) -> bool:
    return evidence.kind is None and _TRACED.search(evidence.title) is not None


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"an operator fails while it is traced: {source}" if source else ""


REASON = Reason(
    title="an operator fails while it is traced",
    happened="""
        Dynamo asked an operator which shape comes out of these inputs, and the operator answered
        with an error: shapes that don't fit, dtypes or devices that don't go together, or an
        operator that can't answer without data.
        """,
    why="""
        Dynamo tries every operator on fake tensors: they have a shape, a dtype and a device, but
        no numbers. When that fails there is nothing to record.
        """,
    instead="""
        Run the line without compilation. When it fails there too, mend the shapes or dtypes.

        When eager works, the operator needs real numbers: keep it out of the compiled function.
        An error that eager code catches with `try` is better avoided by asking first:

            if x.shape[1] == w.shape[0]:
                y = x @ w
        """,
    cost="""
        Dynamo may raise here, even where the program catches the error in eager. Otherwise the
        graph is cut.
        """,
    kinds=(
        "GB0112",
        "GB4315",
        "GB0064",
        "GB0087",
        "GB0090",
        "GB2922",
        "GB5173",
        "GB0080",
        "GB0048",
        "GB0205",
        "GB0086",
        "GB0224",
        "GB5210",
    ),
    names=("fake tensor", "faketensor", "device mismatch"),
    claims=_claims,
    before=("dynamo-error",),
    headline=_headline,
    steps=(
        "Run the line without compilation: when it fails there too, mend shapes, dtypes or devices.",
        "When eager works: keep this operator outside the compiled function.",
    ),
    example=Example(
        bad="""
            import torch

            @torch.library.custom_op("g2_example_narrow::twice", mutates_args=())
            def twice(x: torch.Tensor) -> torch.Tensor:
                return x * 2

            @twice.register_fake
            def _(x):
                if x.dtype is not torch.float32:
                    raise RuntimeError("only float32 is known here")
                return torch.empty_like(x)

            @torch.compile
            def step(x):
                return twice(x + 1) + 1

            step(torch.ones(3, dtype=torch.float64))
            """,
        good="""
            import torch

            @torch.library.custom_op("g2_example_fitting::twice", mutates_args=())
            def twice(x: torch.Tensor) -> torch.Tensor:
                return x * 2

            @twice.register_fake
            def _(x):
                if x.dtype is not torch.float32:
                    raise RuntimeError("only float32 is known here")
                return torch.empty_like(x)

            @torch.compile
            def step(x):
                return twice(x + 1) + 1

            step(torch.ones(3, dtype=torch.float32))
            """,
    ),
    see_also=("custom-operator", "exception-raised"),
)
