"""torch.distributed inside a compiled function."""

from g2.explain.reading import flat, function, module, refused_file
from g2.explain.reason import Evidence, Reason
from g2.explain.scan.detector import Detector, Event, Spot
from g2.explain.scan.model import Sureness


def _claims(evidence: Evidence) -> bool:
    names = (module(evidence), refused_file(evidence).replace("/", "."), function(evidence))
    return any("torch.distributed" in name or "ProcessGroup" in name for name in names)


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a call to other processes inside a compiled function: {source}" if source else ""


_CALLS = (
    "barrier",
    "send",
    "recv",
    "isend",
    "irecv",
    "broadcast_object_list",
    "all_gather_object",
    "gather_object",
    "new_group",
)


def _called(event: Event) -> Spot | None:
    return Spot(event.node, "processes talk to each other inside a compiled function: {}", sure=Sureness.LIKELY)


REASON = Reason(
    title="a call to other processes inside a compiled function",
    happened="""
        The compiled function talks to other processes in a way that can't go into a graph:
        `async_op=True`, a barrier, `send` and `recv`, a question to the process group.
        """,
    why="""
        A collective can stand in a graph when it takes tensors and gives tensors. A handle to
        wait on, or a message to a single process, is no tensor.
        """,
    instead="""
        Use the plain form, which Dynamo turns into a node of the graph:

            dist.all_reduce(x)          # not dist.all_reduce(x, async_op=True)

        Barriers, object collectives and point-to-point messages belong outside the compiled
        function. Ask for rank and world size once, at the start.
        """,
    cost="""
        The graph is cut at the call. When ranks break at different places, their collectives no
        longer fit each other.
        """,
    kinds=("GB0053", "GB0172", "GB0210", "GB0282", "GB1750", "GB2696", "GB9300", "GB9860"),
    names=("distributed", "p2p", "fsdp", "process group", "rank"),
    claims=_claims,
    before=("skipped-function",),
    headline=_headline,
    steps=("Use collectives without `async_op=True`; keep barriers, `send` and `recv` outside the compiled function.",),
    family=True,
    see_also=("skipped-function",),
    seen=(Detector("call", _called, names=tuple(f"torch.distributed.{name}" for name in _CALLS)),),
)
