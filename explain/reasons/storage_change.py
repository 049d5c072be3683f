"""set_, resize_, .data = : the memory behind a tensor is exchanged."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot


def _claims(evidence: Evidence) -> bool:
    return "inplace view on a graph input" in evidence.context


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"the memory behind a tensor is exchanged: {source}" if source else ""


def _resized(event: Event) -> Spot | None:
    return Spot(event.node, "a tensor's storage is changed: {}", (Need(event.receiver),))


REASON = Reason(
    title="the memory behind a tensor is exchanged",
    happened="""
        The compiled function gives a tensor other memory, another size or another dtype in place:
        `x.resize_()`, `x.set_()`, `x.data = y`, `x.t_()`, or it writes to an attribute such as
        `x.real`.
        """,
    why="""
        In a graph a tensor has one memory, one size and one dtype from beginning to end. A change
        of these in place can't be written down, and everything that looks at the old memory would
        be wrong.
        """,
    instead="""
        Make a new tensor and go on with that, or copy new numbers into the old memory:

            y = y[:2]                  # not y.resize_(2)
            y = x                      # not y.data = x
            weight.copy_(new)          # under torch.no_grad(), same shape and dtype

        Change dtype or device of weights before the compiled function: `model.half()`.
        """,
    cost="""
        The graph is cut, and what stands behind is compiled again for the new size or dtype.
        """,
    kinds=(
        "GB0056",
        "GB0058",
        "GB0072",
        "GB0126",
        "GB0127",
        "GB0128",
        "GB0129",
        "GB0130",
        "GB0220",
        "GB4197",
        "GB5491",
        "GB6602",
        "GB9182",
        "GB0181",
    ),
    names=("tensor data attribute", "tensor.data", "parameter.data", "tensor.set_", "resize"),
    claims=_claims,
    headline=_headline,
    steps=(
        "Go on with a new tensor (`y = y[:2]`), or copy numbers into the old one "
        "(`weight.copy_(new)`, same shape and dtype).",
    ),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                y.resize_(2)
                return y + 1

            step(torch.ones(3))
            """,
        good="""
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                y = y[:2]
                return y + 1

            step(torch.ones(3))
            """,
    ),
    see_also=("memory-address", "requires-grad-change"),
    seen=(Detector("call", _resized, methods=("resize_", "resize_as_")),),
)
