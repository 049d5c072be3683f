"""torch.func: vmap, grad, jvp around code that can't be traced."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Reason


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a transform of torch.func can't go into the graph: {source}" if source else ""


REASON = Reason(
    title="a transform of torch.func can't go into the graph",
    happened="""
        A compiled function was called from inside `torch.vmap`, `torch.func.grad` or another
        transform, or one of these was used in a form that Dynamo does not trace.
        """,
    why="""
        Dynamo takes the whole transform into the graph, together with the function inside. It
        can't start in the middle of one, nor end the graph there.
        """,
    instead="""
        Compile the outermost function, the one that calls the transform:

            @torch.compile
            def step(x):
                return torch.vmap(body)(x)

        and keep prints, `.item()` and branches on tensors out of `body`.
        """,
    cost="""
        Everything under the transform runs uncompiled.
        """,
    kinds=("GB0149", "GB9741", "GB0328", "GB0375"),
    names=("functorch", "torch.func", "dual tensor", "vmap"),
    headline=_headline,
    steps=("Compile the function that calls the transform, not the one inside it.",),
    family=True,
    see_also=("higher-order-operator", "gradient-in-region"),
)
