"""Dynamo found no way to resume behind a break, so a whole function is given up."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Reason


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"no way to go on behind a break: {source}" if source else ""


REASON = Reason(
    title="no way to go on behind a break",
    happened="""
        Something else ended the graph here, and then Dynamo could not carry the values of the
        function (an open iterator, a generator, a half-used context manager, an object that
        exists only on paper) over to the next graph. The function was given up.
        """,
    why="""
        To go on behind a break, Dynamo hands every live value back to Python. In a loop, a
        comprehension, a `with` or a generator some of these values exist only inside Dynamo, and
        there is no way to make real ones of them.
        """,
    instead="""
        Look at what stands in the same line or block and breaks by itself: a print, an `.item()`,
        a call that Dynamo does not follow. Cure that one.

        When it must stay, move it out of the loop or comprehension into a line of its own:

            parts = [layer(x) for layer in layers]
            print(len(parts))
        """,
    cost="""
        All of the function runs uncompiled, not this line alone. The functions it calls may still
        be compiled, each by itself.
        """,
    kinds=(
        "GB0065",
        "GB7000",
        "GB0092",
        "GB0093",
        "GB1297",
        "GB2669",
        "GB5696",
        "GB6276",
        "GB7425",
        "GB9898",
        "GB2069",
        "GB4778",
        "GB9528",
        "GB1584",
        "GB0052",
        "GB0197",
        "GB0198",
        "GB0199",
        "GB0203",
        "GB0204",
        "GB0295",
        "GB3343",
    ),
    names=("reconstruct", "comprehension", "graph break in", "escaped", "closure"),
    headline=_headline,
    steps=(
        "Cure the break in the same line or block; this one goes with it.",
        "Or move the line that breaks out of the loop, comprehension or `with`.",
    ),
    outside=("Look for another place in the same function: when that goes, this one goes with it.",),
    family=True,
    see_also=("generator-function", "context-manager"),
)
