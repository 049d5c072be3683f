"""loss.backward() inside a compiled function."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"backward runs inside a compiled function: {source}" if source else ""


def _called(event: Event) -> Spot | None:
    if event.name:
        return Spot(event.node, "backward() inside a compiled function: {}")
    return Spot(event.node, "backward() inside a compiled function: {}", (Need(event.receiver),))


REASON = Reason(
    title="backward runs inside a compiled function",
    happened="""
        The compiled function calls `loss.backward()`.
        """,
    why="""
        `backward` is run by autograd's own engine, in C++, over a record that only exists once
        the forward has been computed. Dynamo records the forward only; the backward graph is made
        from it later, without a call of yours. At `backward()` the graph ends.
        """,
    instead="""
        Compile the forward and the loss, and call `backward` outside. The backward is compiled
        all the same:

            @torch.compile
            def loss_of(x, target):
                return F.mse_loss(net(x), target)

            loss = loss_of(x, target)
            loss.backward()
            opt.step()
        """,
    cost="""
        Small when it stands at the end of the function: forward and backward are compiled either
        way. What stands behind it (optimizer, zero_grad, logging) falls into graphs of its own,
        each with a break.
        """,
    kinds=("GB0123", "GB0442", "GB1042", "GB7054", "GB0165", "GB0166", "GB1501"),
    names=("backward()",),
    headline=_headline,
    steps=(
        "Compile the forward and the loss only, and call `backward()` outside: the backward is compiled all the same.",
    ),
    outside=(
        "Compile the model, not the training step that the library runs: `model.compile()` or `torch.compile(model)`.",
    ),
    example=Example(
        bad="""
            import torch
            from torch import nn

            net = nn.Linear(2, 2)

            @torch.compile
            def train(x):
                loss = net(x).sum()
                loss.backward()

            train(torch.ones(1, 2))
            """,
        good="""
            import torch
            from torch import nn

            net = nn.Linear(2, 2)

            @torch.compile
            def loss_of(x):
                return net(x).sum()

            loss_of(torch.ones(1, 2)).backward()
            """,
    ),
    see_also=("optimizer-in-region", "gradient-in-region"),
    seen=(Detector("call", _called, names=("torch.autograd.backward",), methods=("backward",)),),
)
