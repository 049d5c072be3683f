"""time.time(), perf_counter(), datetime.now() inside a compiled function."""

from g2.explain.reading import flat, method, module
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Spot


def _claims(evidence: Evidence) -> bool:
    receiver, name = method(evidence)
    clock = receiver.startswith("datetime.") and name in {"now", "today", "utcnow"}
    return module(evidence) in {"time", "datetime", "_datetime", "timeit"} or clock


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"the clock is read inside a compiled function: {source}" if source else ""


def _read(event: Event) -> Spot | None:
    return Spot(event.node, "the clock is read inside a compiled function: {}")


REASON = Reason(
    title="the clock is read inside a compiled function",
    happened="""
        The compiled function asks for the time (`time.time`, `time.perf_counter`, `datetime.now`)
        or sleeps.
        """,
    why="""
        A graph holds tensor operations and nothing else, and the time is another one at each
        call. Dynamo ends the graph, lets Python read the clock, and starts a new graph.
        """,
    instead="""
        Time the call from outside:

            start = time.perf_counter()
            y = step(x)
            seconds = time.perf_counter() - start

        A time taken inside says little anyway: on a GPU operations are only queued, and a
        compiled graph has them in another order. For a look inside, use `torch.profiler`.

        Don't put a clock into the graph with `torch.compiler.allow_in_graph`: its value is then
        frozen.
        """,
    cost="""
        Each reading cuts the graph. Two readings around a block make three graphs of one.
        """,
    kinds=("GB9193",),
    claims=_claims,
    before=("skipped-function",),
    headline=_headline,
    steps=("Take the time outside the compiled function, around the call.",),
    example=Example(
        bad="""
            import time

            import torch

            @torch.compile
            def step(x):
                y = x * 2
                start = time.perf_counter()
                return y + 1, start

            step(torch.ones(4))
            """,
        good="""
            import time

            import torch

            @torch.compile
            def step(x):
                y = x * 2
                return y + 1

            start = time.perf_counter()
            step(torch.ones(4))
            print(time.perf_counter() - start)
            """,
    ),
    see_also=("python-random", "profiler-range"),
    seen=(
        Detector(
            "call",
            _read,
            names=(
                "time.*",
                "timeit.default_timer",
                "datetime.datetime.now",
                "datetime.datetime.utcnow",
                "datetime.datetime.today",
                "datetime.date.today",
            ),
        ),
    ),
)
