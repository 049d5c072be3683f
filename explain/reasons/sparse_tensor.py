"""Sparse tensors."""

from g2.explain.reading import flat, function
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot
from g2.explain.scan.model import Sureness


def _claims(evidence: Evidence) -> bool:
    return "sparse" in function(evidence) and evidence.kind == "GB0007"


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a sparse tensor can't go into the graph: {source}" if source else ""


def _made(event: Event) -> Spot | None:
    return Spot(event.node, "a sparse tensor: {}", (Need(event.receiver),))


def _used(event: Event) -> Spot | None:
    return Spot(event.node, "a sparse tensor: {}", sure=Sureness.LIKELY)


REASON = Reason(
    title="a sparse tensor can't go into the graph",
    happened="""
        The compiled function takes, makes or returns a sparse tensor.
        """,
    why="""
        Dynamo describes a tensor by its shape, its strides and its memory. A sparse tensor has
        none of these but two lists, and how long they are depends on the data.
        """,
    instead="""
        Keep the two lists as plain tensors, and write the sum yourself:

            out = torch.zeros(n, d).index_add(0, rows, values.unsqueeze(1) * x[cols])

        Or go dense where the matrix is small. Or keep the sparse product outside and compile what
        stands before and behind it.
        """,
    cost="""
        The function that meets the sparse tensor usually stays uncompiled as a whole.
        """,
    kinds=("GB0015", "GB0277", "GB0374"),
    names=("sparse",),
    claims=_claims,
    before=("skipped-function",),
    headline=_headline,
    steps=(
        "Keep row, column and value lists as plain tensors with `index_add`, or leave the sparse "
        "product outside the compiled function.",
    ),
    outside=("Look for a dense or edge-list form of the same layer in the library.",),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def spread(weight, x):
                return torch.sparse.mm(weight, x * 2)

            spread(torch.eye(3).to_sparse(), torch.ones(3, 3))
            """,
        good="""
            import torch

            @torch.compile
            def spread(rows, cols, values, x):
                y = x * 2
                return torch.zeros(3, 3).index_add(0, rows, values.unsqueeze(1) * y[cols])

            rows, cols = torch.eye(3).to_sparse().indices()
            spread(rows, cols, torch.ones(3), torch.ones(3, 3))
            """,
    ),
    see_also=("nested-tensor", "data-dependent-shape"),
    seen=(
        Detector(
            "call", _made, methods=("to_sparse", "to_sparse_coo", "to_sparse_csr", "to_sparse_csc", "to_sparse_bsr")
        ),
        Detector(
            "call",
            _used,
            names=(
                "torch.sparse.mm",
                "torch.sparse.addmm",
                "torch.sparse.softmax",
                "torch.sparse_coo_tensor",
                "torch.sparse_csr_tensor",
                "torch.sparse.FloatTensor",
            ),
        ),
    ),
)
