"""A torch function that gives something else than tensors."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Reason


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a torch call that gives no tensor: {source}" if source else ""


REASON = Reason(
    title="a torch call gives something that is no tensor",
    happened="""
        A function of torch, or an operator such as `%`, was put into the graph, and what came out
        was no tensor but a Python object: a string, a setting, a list of unknown things.
        """,
    why="""
        A graph can only hand on tensors and numbers. Another object does not fit into it, so
        Dynamo ends the graph and lets Python make the call.
        """,
    instead="""
        Make the call outside the compiled function and pass in what you need of it.

        When a string comes out (`"%s" % x`), format outside.
        """,
    cost="""
        The graph is cut at the call.
        """,
    kinds=("GB0208",),
    names=("returned non-tensor",),
    headline=_headline,
    steps=("Make this call outside the compiled function and pass its result in.",),
    family=True,
    see_also=("skipped-function", "tensor-as-text", "context-manager"),
)
