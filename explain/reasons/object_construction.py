"""Making an object of a class that Dynamo can't rebuild."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Reason


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"an object is made that Dynamo can't rebuild: {source}" if source else ""


REASON = Reason(
    title="an object is made that Dynamo can't rebuild",
    happened="""
        The compiled function makes an object of an unusual class: an enum or a named tuple from
        values in tensors, a frozen dataclass with a `__post_init__`, a Pydantic dataclass, a
        typed dict with optional keys, a class whose `__new__` is written in C.
        """,
    why="""
        While Dynamo traces, the object exists only on paper. If it leaves the graph, Dynamo must
        be able to make a real one of it, without running your code a second time. For these
        classes it can't.
        """,
    instead="""
        Return the plain values, and make the object outside:

            logits, loss = step(x)
            return Output(logits=logits, loss=loss)

        Inside, a plain tuple, dict or dataclass serves as well.
        """,
    cost="""
        The graph is cut where the object is made; the work itself stays compiled.
        """,
    kinds=(
        "GB0054",
        "GB0180",
        "GB0201",
        "GB0257",
        "GB0368",
        "GB0369",
        "GB2404",
        "GB3383",
        "GB5017",
        "GB7502",
        "GB8887",
        "GB0162",
        "GB0280",
        "GB1319",
        "GB1354",
        "GB1618",
        "GB1157",
    ),
    names=("dataclass", "enum", "namedtuple", "construction", "constructor", "simplenamespace"),
    headline=_headline,
    steps=("Return the plain values from the compiled function and make the object outside.",),
    family=True,
    see_also=("class-construction", "opaque-object"),
)
