"""nn.LSTM, nn.GRU and nn.RNN are traced."""

from __future__ import annotations

from collections.abc import Iterator

from g2.rewrite.model import Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._options_together import setting
from g2.rewrite.site import Site

# Run with torch 2.11, 2.13 and 2.15: Inductor has no lowering for mkldnn_rnn_layer there.
_LSTM = (
    "Inductor cannot compile an LSTM with gradients on the CPU (torch 2.11 to 2.15): there the first training step "
    "raises TypeError. Under torch.no_grad() it can."
)


def _propose(site: Site) -> Iterator[Proposal | Left]:
    lstm = site.place is not None and "LSTM" in site.place.context
    yield from setting(site, _LSTM if lstm and site.session.device == "cpu" else "", allow_rnn=True)


RULE = Rule(
    title="LSTM, GRU and RNN modules are captured",
    answers=("rnn-module",),
    legal="""
        Always: the option changes what Dynamo captures and not what the program computes. Dynamo leaves these modules
        out because a backend that takes them apart makes a long graph of them. An LSTM on the CPU is ASK, since
        Inductor fails there when gradients are needed.
        """,
    safety=Safety.SAFE,
    propose=_propose,
    rank=78,
    examples=(
        Example(
            "an LSTM in a function",
            """
            import torch
            from torch import nn

            torch.manual_seed(0)
            lstm = nn.LSTM(4, 4, batch_first=True)

            @torch.compile
            def step(x):
                out, _ = lstm(x)
                return out * 2

            print(step(torch.ones(1, 3, 4)).sum())
            """,
            """
            import torch
            from torch import nn

            torch.manual_seed(0)
            lstm = nn.LSTM(4, 4, batch_first=True)

            @torch._dynamo.config.patch(allow_rnn=True)
            @torch.compile
            def step(x):
                out, _ = lstm(x)
                return out * 2

            print(step(torch.ones(1, 3, 4)).sum())
            """,
        ),
        Example(
            "a GRU in a module that is compiled in place",
            """
            import torch

            class Net(torch.nn.Module):
                def __init__(self):
                    super().__init__()
                    self.gru = torch.nn.GRU(4, 4)

                def forward(self, x):
                    return self.gru(x)[0].sum()

            torch.manual_seed(0)
            net = Net()
            net.compile()
            print(net(torch.ones(3, 1, 4)))
            """,
            """
            import torch

            class Net(torch.nn.Module):
                def __init__(self):
                    super().__init__()
                    self.gru = torch.nn.GRU(4, 4)

                def forward(self, x):
                    return self.gru(x)[0].sum()

            torch.manual_seed(0)
            net = Net()
            torch._dynamo.config.allow_rnn = True
            net.compile()
            print(net(torch.ones(3, 1, 4)))
            """,
        ),
    ),
    negatives=(
        Negative(
            "the script chose the option itself",
            """
            import torch

            lstm = torch.nn.LSTM(4, 4)
            torch._dynamo.config.allow_rnn = False

            @torch.compile
            def step(x):
                return lstm(x)[0] * 2

            print(step(torch.ones(3, 1, 4)).shape)
            """,
        ),
        Negative(
            "the option is set to another value around the call",
            """
            import torch

            lstm = torch.nn.LSTM(4, 4)

            @torch._dynamo.config.patch(allow_rnn=False)
            @torch.compile
            def step(x):
                return lstm(x)[0] * 2

            print(step(torch.ones(3, 1, 4)).shape)
            """,
        ),
        Negative(
            "a cell is captured anyway",
            """
            import torch

            cell = torch.nn.LSTMCell(4, 4)

            @torch.compile
            def step(x):
                return cell(x)[0] * 2

            print(step(torch.ones(1, 4)).shape)
            """,
        ),
        Negative(
            "the module runs outside of what is compiled",
            """
            import torch

            lstm = torch.nn.LSTM(4, 4)

            @torch.compile
            def step(x):
                return x * 2

            print(step(lstm(torch.ones(3, 1, 4))[0]).shape)
            """,
        ),
    ),
)
