"""Tensor subclasses and objects with __torch_function__."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason


def _claims(evidence: Evidence) -> bool:
    marks = ("TensorWithTFOverrideVariable", "TensorSubclassVariable")
    return evidence.kind in {"GB0117", "GB0156", "GB0163"} and any(mark in evidence.context for mark in marks)


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a subclass of Tensor does something Dynamo can't follow: {source}" if source else ""


REASON = Reason(
    title="a subclass of Tensor does something Dynamo can't follow",
    happened="""
        A tensor of a class of its own (a subclass of `torch.Tensor`, or an object with
        `__torch_function__`) used a method or attribute in a way that Dynamo does not trace.
        """,
    why="""
        Dynamo follows `__torch_function__`, but not everything Python allows in such a class:
        making one from the inside, own attributes, overridden properties.
        """,
    instead="""
        Take the plain tensor out before the compiled function, and put the class back on behind
        it:

            plain = x.as_subclass(torch.Tensor)
            y = step(plain).as_subclass(Labelled)
        """,
    cost="""
        The graph is cut at each such use; operations on the subclass in between still go into
        graphs.
        """,
    kinds=("GB0000", "GB0001", "GB0026", "GB0103", "GB0163", "GB0164", "GB0234", "GB6270"),
    names=("subclass", "__torch_function__", "torch function mode"),
    claims=_claims,
    before=("unusual-call", "object-operation"),
    headline=_headline,
    steps=(
        "Take the plain tensor out (`x.as_subclass(torch.Tensor)`) before the compiled function, "
        "and put the class back on behind it.",
    ),
    example=Example(
        bad="""
            import torch

            class Labelled(torch.Tensor):
                pass

            @torch.compile
            def step(x):
                y = x * 2
                return Labelled(y, 1)

            try:
                step(torch.ones(3))
            except TypeError:
                pass
            """,
        good="""
            import torch

            class Labelled(torch.Tensor):
                pass

            @torch.compile
            def step(x):
                return x * 2

            step(torch.ones(3)).as_subclass(Labelled)
            """,
    ),
    see_also=("opaque-object",),
)
