"""nn.LSTM, nn.GRU, nn.RNN."""

import re

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Spot

_KIND = re.compile(r"\b(LSTM|GRU|RNN)\(")


def _claims(evidence: Evidence) -> bool:
    return "does not support RNN, GRU, or LSTM" in evidence.context


def _headline(evidence: Evidence) -> str:
    found = _KIND.search(evidence.context)
    source = flat(evidence.source, 50)
    return f"nn.{found[1] if found else 'RNN'} is left out of graphs: {source}" if source else ""


def _called(event: Event) -> Spot | None:
    return Spot(event.node, "a recurrent layer is called: {}", option="allow_rnn")


REASON = Reason(
    title="LSTM, GRU and RNN modules are left out of graphs",
    happened="""
        The compiled function calls an `nn.LSTM`, `nn.GRU` or `nn.RNN`.
        """,
    why="""
        Dynamo stops at these modules on purpose: in a graph the loop over time steps is written
        out, and with long sequences compilation takes very long. It ends the graph and lets the
        module run as it is.
        """,
    instead="""
        Allow it, when your sequences are short and all have one length:

            torch._dynamo.config.allow_rnn = True

        Otherwise keep the recurrent part out, and compile what stands before and behind it:

            h = encoder(x)           # compiled
            h, _ = lstm(h)           # not compiled: runs in cuDNN's own kernel
            y = head(h)              # compiled
        """,
    cost="""
        Small on a GPU: the recurrent part runs in cuDNN's own fused kernel either way. But when
        the module is called in a `return` or a loop, all of the function around it stays
        uncompiled.
        """,
    kinds=("GB0014",),
    claims=_claims,
    headline=_headline,
    steps=(
        "Short sequences of one length: `torch._dynamo.config.allow_rnn = True` before the first call.",
        "Otherwise compile what stands before and behind it, and leave the recurrent part alone: the cost is small.",
    ),
    outside=(
        "Try `torch._dynamo.config.allow_rnn = True` before the first call; compilation takes "
        "longer with long sequences.",
    ),
    example=Example(
        bad="""
            import torch
            from torch import nn

            lstm = nn.LSTM(4, 4, batch_first=True)

            @torch.compile
            def step(x):
                out, _ = lstm(x)
                return out * 2

            step(torch.ones(1, 3, 4))
            """,
        good="""
            import torch
            from torch import nn

            torch._dynamo.config.allow_rnn = True
            lstm = nn.LSTM(4, 4, batch_first=True)

            @torch.compile
            def step(x):
                out, _ = lstm(x)
                return out * 2

            step(torch.ones(1, 3, 4))
            """,
        option="import torch; torch._dynamo.config.allow_rnn = True",
    ),
    see_also=("packed-sequence",),
    seen=(
        Detector(
            "instance",
            _called,
            names=tuple(f"torch.nn.{place}{name}" for place in ("", "modules.rnn.") for name in ("LSTM", "GRU", "RNN")),
        ),
    ),
)
