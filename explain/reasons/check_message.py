"""assert and torch._check with a message that has to be computed."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Reason


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"the message of a check has to be computed: {source}" if source else ""


REASON = Reason(
    title="the message of a check has to be computed",
    happened="""
        A check (`assert`, `torch._check`) has a message that is no plain string: one that holds a
        tensor, or a function that uses values from outside.
        """,
    why="""
        Dynamo can put a check into the graph, with a fixed text. A text that is made when the
        check fails would need Python in the middle of the graph.
        """,
    instead="""
        Use a fixed text:

            torch._check(n < limit, lambda: "too many rows")
            assert x.shape[0] == 3, "three rows are needed"
        """,
    cost="""
        The graph is cut for a text that is hardly ever shown.
        """,
    kinds=("GB0171", "GB0288", "GB9158", "GB9840"),
    names=("message",),
    headline=_headline,
    steps=("Give the check a fixed text.",),
    family=True,
    see_also=("tensor-branch", "size-from-data"),
)
