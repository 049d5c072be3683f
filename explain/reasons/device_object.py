"""Streams, events, memory pools: objects of a device."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Reason


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a stream, event or memory pool is used: {source}" if source else ""


REASON = Reason(
    title="a stream, event or memory pool is used inside a compiled function",
    happened="""
        The compiled function works with objects of the device: it records or times a CUDA event,
        asks for a stream or a device module, or enters a memory pool.
        """,
    why="""
        A graph says what is computed, not on which stream or from which pool. The compiler plans
        memory and order by itself, so these calls can't be kept at their place.
        """,
    instead="""
        Put them around the compiled call:

            start.record()
            y = step(x)
            end.record()
        """,
    cost="""
        The graph is cut at each such call. Events in the middle of compiled code measure little,
        since the order of operations is the compiler's.
        """,
    kinds=(
        "GB0146",
        "GB0248",
        "GB0249",
        "GB0285",
        "GB0286",
        "GB2473",
        "GB4996",
        "GB6441",
        "GB0359",
    ),
    names=(
        "mempool",
        "mem_pool",
        "current_stream",
        "get_device_module",
        "torch.cuda",
        "event method",
    ),
    headline=_headline,
    steps=("Put streams, events and memory pools around the compiled call.",),
    family=True,
    see_also=("profiler-range", "torch-setting"),
)
