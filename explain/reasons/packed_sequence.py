"""pack_padded_sequence and pad_packed_sequence."""

from g2.explain.reading import flat, function, module
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Spot


def _claims(evidence: Evidence) -> bool:
    if module(evidence) == "torch.nn.utils.rnn":
        return True
    packed = (
        "pack_padded_sequence",
        "pad_packed_sequence",
        "pack_sequence",
        "_pack_padded_sequence",
    )
    return function(evidence).rpartition(".")[2] in packed or "PackedSequence" in evidence.context


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"sequences are packed by their lengths: {source}" if source else ""


def _packed(event: Event) -> Spot | None:
    return Spot(event.node, "a packed sequence is made: {}")


REASON = Reason(
    title="sequences are packed by their lengths",
    happened="""
        The compiled function calls `pack_padded_sequence`, `pad_packed_sequence` or one of their
        relatives.
        """,
    why="""
        Packing reads the lengths on the CPU and makes tensors whose sizes depend on them. Dynamo
        records a graph without computing, so it can't know those sizes, and it leaves these
        functions alone.
        """,
    instead="""
        Pack and unpack outside the compiled function, and compile what stands before and behind.

        Or don't pack: run over the padded batch and mask what is behind the end. For a recurrent
        net in one direction the outputs up to each length are the same:

            steps = torch.arange(x.shape[1], device=x.device)
            mask = steps < lengths.unsqueeze(1)
            out = net(x) * mask.unsqueeze(-1)
        """,
    cost="""
        Two breaks, one at each end, and the lengths are copied to the CPU. What stands between is
        compiled for nobody.
        """,
    claims=_claims,
    before=("skipped-function",),
    headline=_headline,
    steps=(
        "Run over the padded batch and mask what is behind each end, or pack and unpack outside the compiled function.",
    ),
    example=Example(
        bad="""
            import torch
            from torch.nn.utils.rnn import pack_padded_sequence

            @torch.compile
            def total(x, lengths):
                y = x * 2
                packed = pack_padded_sequence(y, lengths, batch_first=True)
                return packed.data.sum()

            total(torch.ones(2, 3, 4), torch.tensor([3, 2]))
            """,
        good="""
            import torch

            @torch.compile
            def total(x, lengths):
                y = x * 2
                steps = torch.arange(x.shape[1], device=x.device)
                mask = steps < lengths.unsqueeze(1)
                return (y * mask.unsqueeze(-1)).sum()

            total(torch.ones(2, 3, 4), torch.tensor([3, 2]))
            """,
    ),
    see_also=("rnn-module", "data-dependent-shape"),
    seen=(
        Detector(
            "call",
            _packed,
            names=("torch.nn.utils.rnn.pack_padded_sequence", "torch.nn.utils.rnn.pack_sequence"),
        ),
    ),
)
