"""The backend could not compile a graph."""

import re

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Reason


def _headline(evidence: Evidence) -> str:
    found = re.search(r"Backend: `?(\w+)", evidence.context)
    return f"the backend {found[1]} could not compile this graph: {flat(evidence.source, 40)}" if found else ""


REASON = Reason(
    title="the backend could not compile the graph",
    happened="""
        Dynamo recorded a graph, and the backend that was to compile it (Inductor or another)
        raised an error.
        """,
    why="""
        The graph itself is whole. What failed comes after it: lowering, code generation, the C++
        or GPU compiler, a missing tool, or a lack of memory.
        """,
    instead="""
        See whether the graph is sound with a backend that only runs it:

            torch.compile(f, backend="eager")
            torch.compile(f, backend="aot_eager")

        When both work, the fault is in code generation: look at the last lines of the backend's
        own message (a missing compiler is the commonest cause).
        """,
    cost="""
        The code of this graph runs uncompiled, or the program stops.
        """,
    kinds=("GB0219",),
    names=("backend",),
    headline=_headline,
    steps=('Try `backend="eager"`, then `"aot_eager"`: the first one that fails says which part is at fault.',),
    outside=('Try `backend="eager"`, then `"aot_eager"`: the first one that fails says which part is at fault.',),
    family=True,
    see_also=("dynamo-error",),
)
