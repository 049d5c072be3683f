"""A profiler or an annotation leaves the compiled function."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Reason


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a profiler or annotation is open over a break: {source}" if source else ""


REASON = Reason(
    title="a profiler or annotation is open over a break",
    happened="""
        A profiler, a `record_function` range or another annotation is open in the compiled
        function, and it has to survive a break or is handed out of the function.
        """,
    why="""
        Dynamo leaves such ranges out of graphs or keeps them inside one. It can't carry an open
        one from one graph to the next.
        """,
    instead="""
        Put the range around the compiled call:

            with torch.profiler.record_function("step"):
                y = step(x)

        Or cure the break inside the range: without it nothing has to be carried.
        """,
    cost="""
        The function around the range runs uncompiled.
        """,
    kinds=("GB0212", "GB0279", "GB0370", "GB0209"),
    names=("profiler", "record_function", "annotate"),
    headline=_headline,
    steps=("Put the range around the compiled call, or cure the break inside it.",),
    family=True,
    see_also=("context-manager", "clock-read"),
)
