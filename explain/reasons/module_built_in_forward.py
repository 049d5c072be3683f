"""A module or parameter is made inside the compiled function."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Spot
from g2.explain.scan.model import Sureness


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a parameter is made inside a compiled function: {source}" if source else ""


# Modules of torch.nn that make parameters when they are made.
_WITH_PARAMETERS = """
    Linear Bilinear Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d BatchNorm1d
    BatchNorm2d BatchNorm3d LayerNorm GroupNorm RMSNorm Embedding EmbeddingBag LSTM GRU RNN LSTMCell GRUCell
    RNNCell MultiheadAttention PReLU Transformer TransformerEncoderLayer TransformerDecoderLayer
"""


def _built(event: Event) -> Spot | None:
    return Spot(event.node, "a parameter is made inside a compiled function: {}")


def _initialized(event: Event) -> Spot | None:
    return Spot(event.node, "a module is made inside a compiled function: {}", sure=Sureness.LIKELY)


REASON = Reason(
    title="a module or parameter is made inside a compiled function",
    happened="""
        The compiled function makes an `nn.Module` with weights, an `nn.Parameter`, or calls a
        lazy module that has not seen its first input.
        """,
    why="""
        A parameter is more than a tensor: it must exist before the graph, so that the optimizer
        and autograd know it. Dynamo can't make one in the middle of a graph.
        """,
    instead="""
        Make it in `__init__`, and only use it in `forward`:

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.proj = nn.Linear(4, 4)

                def forward(self, x):
                    return self.proj(x)

        A weight that is meant to be new at each call needs no module:
        `torch.nn.functional.linear(x, w)` with a plain tensor. A lazy module wants one call
        without compilation first.
        """,
    cost="""
        The weights are made and initialised at every call, and the graph is cut. Weights made in
        `forward` are never trained, which is often a mistake of its own.
        """,
    kinds=(
        "GB0264",
        "GB0226",
        "GB0227",
        "GB0228",
        "GB0229",
        "GB0235",
        "GB0237",
        "GB0244",
        "GB0119",
        "GB0225",
    ),
    names=("nn.parameter",),
    headline=_headline,
    steps=(
        "Make the module or parameter in `__init__` and only use it in `forward`.",
        "For a weight that is new at each call: a plain tensor with `torch.nn.functional.linear`.",
    ),
    outside=(
        "Call the model once before it is compiled: modules that make their weights at the first call then have them.",
    ),
    example=Example(
        bad="""
            import torch
            from torch import nn

            @torch.compile
            def step(x):
                y = x * 2
                weight = nn.Parameter(torch.zeros(4))
                return y + weight

            step(torch.ones(4))
            """,
        good="""
            import torch
            from torch import nn

            weight = nn.Parameter(torch.zeros(4))

            @torch.compile
            def step(x):
                y = x * 2
                return y + weight

            step(torch.ones(4))
            """,
    ),
    see_also=("copy-or-pickle", "class-construction"),
    seen=(
        Detector(
            "call",
            _built,
            names=(
                "torch.nn.Parameter",
                "torch.nn.parameter.Parameter",
                *(f"torch.nn.{name}" for name in _WITH_PARAMETERS.split()),
            ),
        ),
        Detector("instance", _initialized, names=("torch.nn.Module.__init__",)),
    ),
)
