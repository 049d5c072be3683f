"""Nested tensors in strided layout."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason


def _claims(evidence: Evidence) -> bool:
    return "_nested_tensor" in evidence.context or ("nested_tensor" in evidence.source and evidence.kind == "GB0090")


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a nested tensor in strided layout: {source}" if source else ""


REASON = Reason(
    title="a nested tensor in strided layout can't go into the graph",
    happened="""
        The compiled function takes or makes a nested tensor (a batch of tensors of unequal
        length) in the older, strided layout.
        """,
    why="""
        Dynamo describes a tensor by one shape. The strided nested tensor has one shape per
        element and no description that Dynamo knows.
        """,
    instead="""
        Make it outside, with the jagged layout, which Dynamo knows:

            batch = torch.nested.nested_tensor(parts, layout=torch.jagged)
            y = step(batch)

        Or pad to one length and use a mask.
        """,
    cost="""
        The function that meets the tensor stays uncompiled as a whole.
        """,
    kinds=("GB0016", "GB0044", "GB0233", "GB0245"),
    names=("nestedtensor", "nested_tensor"),
    claims=_claims,
    before=("operator-fails",),
    headline=_headline,
    steps=("Make it outside with `layout=torch.jagged`, or pad to one length and use a mask.",),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def step(batch):
                return batch * 2

            step(torch.nested.nested_tensor([torch.ones(2, 4), torch.ones(3, 4)]))
            """,
        good="""
            import torch

            @torch.compile
            def step(batch):
                return batch * 2

            step(torch.nested.nested_tensor([torch.ones(2, 4), torch.ones(3, 4)], layout=torch.jagged))
            """,
    ),
    see_also=("sparse-tensor", "packed-sequence"),
)
