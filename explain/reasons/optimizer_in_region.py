"""optimizer.step() or zero_grad() inside a compiled function."""

import re

from g2.explain.reading import flat, function, refused_file
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot

_INSIDE = re.compile(r"[/\\]torch[/\\]optim[/\\]")


def _claims(evidence: Evidence) -> bool:
    if _INSIDE.search(evidence.path):
        return True
    called = function(evidence).partition(".")[0] == "Optimizer" or "torch/optim/" in refused_file(evidence)
    return called or evidence.kind == "GB0358"


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return (
        f"the optimizer runs inside a compiled function: {source}"
        if source and not _INSIDE.search(evidence.path)
        else ""
    )


def _stepped(event: Event) -> Spot | None:
    headline = "an optimizer works inside a compiled function: {}"
    return Spot(event.node, headline, (Need(event.receiver, "optimizer"),))


REASON = Reason(
    title="the optimizer runs inside a compiled function",
    happened="""
        The compiled function calls `optimizer.step()` or `optimizer.zero_grad()`. The place shown
        may be inside `torch/optim`: those files break the graph on purpose.
        """,
    why="""
        An optimizer writes into the parameters and keeps a state of its own. torch wants it in a
        graph by itself, so its code asks Dynamo to end the graph on entry.
        """,
    instead="""
        Keep the optimizer out of the compiled function:

            loss = loss_of(x, target)          # compiled
            loss.backward()
            opt.step()
            opt.zero_grad()

        The step can be compiled by itself, which fuses the updates of all parameters:

            fast_step = torch.compile(lambda: opt.step())

        Two breaks inside `torch/optim` belong to that and cost next to nothing.
        """,
    cost="""
        Several breaks per call for code that can't be joined with the forward anyway.
        """,
    kinds=("GB0358",),
    claims=_claims,
    before=("skipped-function", "disabled-on-purpose"),
    headline=_headline,
    steps=("Compile the forward and the loss only; call `backward()`, `step()` and `zero_grad()` outside.",),
    outside=("Compile the model, not the training step: `model.compile()` or `torch.compile(model)`.",),
    example=Example(
        bad="""
            import torch
            from torch import nn

            net = nn.Linear(2, 2)
            opt = torch.optim.SGD(net.parameters(), lr=0.1)

            @torch.compile
            def forward(x):
                opt.zero_grad()
                return net(x).sum()

            forward(torch.ones(1, 2)).backward()
            """,
        good="""
            import torch
            from torch import nn

            net = nn.Linear(2, 2)
            opt = torch.optim.SGD(net.parameters(), lr=0.1)

            @torch.compile
            def forward(x):
                return net(x).sum()

            opt.zero_grad()
            forward(torch.ones(1, 2)).backward()
            """,
    ),
    see_also=("backward-in-region",),
    seen=(
        Detector("call", _stepped, methods=("step", "zero_grad", "add_param_group", "load_state_dict", "state_dict")),
    ),
)
