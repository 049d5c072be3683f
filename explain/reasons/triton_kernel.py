"""A Triton kernel called in a way that can't go into the graph."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Reason


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a Triton kernel called in a form that can't go into the graph: {source}" if source else ""


REASON = Reason(
    title="a Triton kernel is called in a form that can't go into the graph",
    happened="""
        The compiled function calls a Triton kernel of yours in a form that Dynamo does not take
        in: an unusual grid, an autotuner with hooks, an allocator, a descriptor made from
        something else than a pointer.
        """,
    why="""
        Dynamo puts a Triton kernel into the graph as a node, with its grid and its arguments.
        That needs a grid that is a tuple or a plain function, and tensors, numbers and strings as
        arguments.
        """,
    instead="""
        Call it plainly:

            kernel[(triton.cdiv(n, BLOCK),)](x, y, n, BLOCK=1024)

        Or wrap the call in `torch.library.triton_op` and `wrap_triton`, which also gives it a
        gradient.
        """,
    cost="""
        The graph is cut around the kernel. The kernel itself is as fast as before.
        """,
    kinds=("GB0216", "GB0361", "GB3326", "GB4026", "GB6735"),
    names=("triton",),
    headline=_headline,
    steps=("Call it with a grid that is a tuple or plain function, or wrap it in `torch.library.triton_op`.",),
    family=True,
    see_also=("custom-operator",),
)
