"""A variable is read before it has a value, or after it was deleted."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Reason


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a variable has no value here: {source}" if source else ""


REASON = Reason(
    title="a variable has no value here",
    happened="""
        The compiled function reads a name that has no value at this point: it was set only in
        another branch, it was deleted, or the inner function that sets it has not run.
        """,
    why="""
        Python would raise `UnboundLocalError` or `NameError`. Dynamo sees the same while it
        traces and gives the function up, so that the error comes as it should.
        """,
    instead="""
        Give the variable a value on every way:

            extra = None
            if use_extra:
                extra = make(x)
        """,
    cost="""
        The function runs uncompiled, and most likely it raises.
        """,
    kinds=("GB0010", "GB0011", "GB0012", "GB0076", "GB0091", "GB0169", "GB2444", "GB0354"),
    names=("undefined", "uninitialized", "deleted variable", "cell"),
    headline=_headline,
    steps=("Give the variable a value on every way to this line.",),
    family=True,
    see_also=("exception-raised",),
)
