"""Asking the interpreter about itself: frames, the garbage collector, id(), weak references."""

from g2.explain.reading import builtin, flat, module, standard_library
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Spot

_MODULES = {
    "sys",
    "gc",
    "inspect",
    "traceback",
    "tracemalloc",
    "_weakref",
    "weakref",
    "ctypes",
    "_tracemalloc",
    "dis",
    "faulthandler",
}


def _claims(evidence: Evidence) -> bool:
    if module(evidence) in _MODULES or builtin(evidence)[0] in {
        "locals",
        "globals",
        "vars",
        "exec",
        "eval",
        "dir",
        "__import__",
    }:
        return True
    return standard_library(
        evidence, "inspect", "traceback", "tracemalloc", "weakref", "_weakrefset", "linecache", "gc"
    )


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"Python is asked about itself: {source}" if source else ""


def _used(event: Event) -> Spot | None:
    return Spot(event.node, "the interpreter itself is asked: {}")


REASON = Reason(
    title="Python is asked about itself",
    happened="""
        The compiled function looks at the interpreter: its frames (`inspect.currentframe`,
        `sys._getframe`), the garbage collector (`gc.collect`), the identity of an object (`id`),
        a traceback, a weak reference, or it runs code with `exec`.
        """,
    why="""
        While Dynamo traces, the function does not really run: there is no frame of it and some of
        its objects don't exist. The answers would be wrong, so Dynamo stops and lets Python
        answer.
        """,
    instead="""
        Ask outside the compiled function, or write down what you know: a name as a string instead
        of the frame's name.

            def step(x, caller="train"):
                ...

        Collect garbage between calls, not within one.
        """,
    cost="""
        The graph is cut. `gc.collect()` alone takes tens of milliseconds in a large program.
        """,
    kinds=(
        "GB0141",
        "GB0151",
        "GB0176",
        "GB0191",
        "GB0272",
        "GB0276",
        "GB0283",
        "GB4501",
        "GB9316",
        "GB9625",
        "GB1273",
        "GB0095",
        "GB0270",
        "GB0027",
    ),
    names=("weakref", "traceback", "call_id", "inspect "),
    claims=_claims,
    before=("skipped-function",),
    headline=_headline,
    steps=("Do this outside the compiled function, or write the answer down as a constant.",),
    example=Example(
        bad="""
            import gc

            import torch

            @torch.compile
            def step(x):
                y = x * 2
                gc.collect()
                return y + 1

            step(torch.ones(4))
            """,
        good="""
            import gc

            import torch

            @torch.compile
            def step(x):
                y = x * 2
                return y + 1

            step(torch.ones(4))
            gc.collect()
            """,
    ),
    see_also=("skipped-function", "thread-state"),
    seen=(Detector("call", _used, names=("gc.*", "traceback.*", "tracemalloc.*", "sys._getframe")),),
)
