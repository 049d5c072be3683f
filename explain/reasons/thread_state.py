"""Locks, threads and context variables inside a compiled function."""

from g2.explain.reading import flat, method, module, standard_library
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot

_TYPES = {
    "lock",
    "RLock",
    "Lock",
    "_RLock",
    "Condition",
    "Semaphore",
    "Event",
    "ContextVar",
    "_thread.lock",
    "Thread",
    "local",
}


def _claims(evidence: Evidence) -> bool:
    if module(evidence) in {"_thread", "threading", "queue", "_queue", "asyncio"} or method(evidence)[0] in _TYPES:
        return True
    held = any(f"UserDefinedObjectVariable({name})" in evidence.context for name in _TYPES)
    return (evidence.kind == "GB0142" and held) or standard_library(
        evidence, "threading", "queue", "concurrent", "multiprocessing"
    )


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a lock, a thread or a context variable is used: {source}" if source else ""


def _entered(event: Event) -> Spot | None:
    return Spot(event.node, "a lock, a thread or a context variable is used: {}", (Need(event.value, "lock"),))


def _acquired(event: Event) -> Spot | None:
    return Spot(event.node, "a lock, a thread or a context variable is used: {}", (Need(event.receiver, "lock"),))


REASON = Reason(
    title="a lock, a thread or a context variable is used inside a compiled function",
    happened="""
        The compiled function takes a lock (`with lock:`), starts or asks for a thread, or reads
        or sets a `ContextVar`.
        """,
    why="""
        These belong to the running thread and are held by C code. A graph has neither threads nor
        locks, so Dynamo stops.
        """,
    instead="""
        Take the lock around the compiled call, not inside:

            with lock:
                y = step(x)

        Read a context variable outside and pass its value in:

            y = step(x, scale=current_scale.get())
        """,
    cost="""
        `with lock:` leaves the whole function uncompiled; other uses cut the graph.
        """,
    kinds=("GB6066", "GB6815"),
    names=("contextvar",),
    claims=_claims,
    before=("skipped-function", "context-manager", "object-operation", "generator-function"),
    headline=_headline,
    steps=("Take the lock around the compiled call; read context variables outside and pass their values in.",),
    example=Example(
        bad="""
            import threading

            import torch

            lock = threading.Lock()

            @torch.compile
            def step(x):
                with lock:
                    y = x * 2
                return y + 1

            step(torch.ones(4))
            """,
        good="""
            import threading

            import torch

            lock = threading.Lock()

            @torch.compile
            def step(x):
                y = x * 2
                return y + 1

            with lock:
                step(torch.ones(4))
            """,
    ),
    see_also=("context-manager", "interpreter-state"),
    seen=(Detector("with", _entered), Detector("call", _acquired, methods=("acquire", "release"))),
)
