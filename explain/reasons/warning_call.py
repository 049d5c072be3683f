"""warnings.warn and warnings.catch_warnings inside a compiled function."""

from g2.explain.reading import flat, module, standard_library
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Spot


def _claims(evidence: Evidence) -> bool:
    return module(evidence) in {"_warnings", "warnings"} or standard_library(evidence, "warnings")


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a warning inside a compiled function: {source}" if source else ""


def _warned(event: Event) -> Spot | None:
    return Spot(event.node, "a warning inside a compiled function: {}")


REASON = Reason(
    title="a warning inside a compiled function",
    happened="""
        The compiled function calls `warnings.warn`, or changes the warning filters
        (`warnings.simplefilter`, `catch_warnings`).
        """,
    why="""
        Python's warnings are kept by C code with its own state (which warning was shown where).
        Dynamo can't put that into a graph, so it ends the graph, lets Python warn, and starts a
        new graph.
        """,
    instead="""
        Check and warn once, outside: in `__init__`, or before the compiled call. Or leave it out
        while compiling:

            if not torch.compiler.is_compiling():
                warnings.warn("the slow path is used")
        """,
    cost="""
        The graph is cut in two at every call, although the warning is shown only once.
        """,
    claims=_claims,
    before=("skipped-function", "context-manager"),
    headline=_headline,
    steps=(
        "Warn outside the compiled function, or guard it: `if not torch.compiler.is_compiling(): warnings.warn(...)`.",
    ),
    outside=("Find out what the library warns about and remove the cause: the break goes with the warning.",),
    example=Example(
        bad="""
            import warnings

            import torch

            @torch.compile
            def step(x):
                y = x * 2
                warnings.warn("the slow path is used")
                return y + 1

            step(torch.ones(4))
            """,
        good="""
            import warnings

            import torch

            @torch.compile
            def step(x):
                y = x * 2
                if not torch.compiler.is_compiling():
                    warnings.warn("the slow path is used")
                return y + 1

            step(torch.ones(4))
            """,
    ),
    see_also=("logging-call", "print-call"),
    seen=(
        Detector(
            "call",
            _warned,
            names=("warnings.warn", "warnings.warn_explicit", "warnings.simplefilter", "warnings.filterwarnings"),
        ),
    ),
)
