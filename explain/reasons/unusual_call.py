"""A call with arguments for which Dynamo has no rule."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Reason


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a call with arguments Dynamo can't take: {source}" if source else ""


REASON = Reason(
    title="a call with arguments Dynamo can't take",
    happened="""
        A function that Dynamo knows was called with arguments it does not expect there: an object
        where a tensor or number belongs, an unusual keyword, a `*args` that is no tuple.
        """,
    why="""
        For this function somebody wrote down how it goes into a graph, but not for arguments of
        this kind. Dynamo ends the graph, lets Python make the call, and starts a new graph.
        """,
    instead="""
        Call it with plain tensors, numbers, strings, lists and dicts. Objects that never change
        can be closed over or kept in `self` instead of being passed. When nothing helps, make the
        call outside the compiled function.
        """,
    cost="""
        The graph is cut at the call.
        """,
    kinds=(
        "GB0047",
        "GB0055",
        "GB0117",
        "GB0167",
        "GB0168",
        "GB0186",
        "GB0187",
        "GB0195",
        "GB0243",
        "GB0255",
        "GB0258",
        "GB0259",
        "GB0260",
        "GB0261",
        "GB0278",
        "GB0292",
        "GB0299",
        "GB0355",
        "GB4818",
        "GB5195",
        "GB5687",
        "GB7312",
        "GB7489",
        "GB1472",
        "GB0808",
        "GB9493",
    ),
    names=("args", "argument", "kwargs", "function call", "call to", "callable"),
    headline=_headline,
    steps=("Call it with plain tensors and numbers, or make the call outside the compiled function.",),
    family=True,
    see_also=("object-operation", "skipped-function"),
)
