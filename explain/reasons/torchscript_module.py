"""A module or function of torch.jit inside a compiled function."""

from g2.explain.reading import flat, refused_file
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Spot


def _claims(evidence: Evidence) -> bool:
    return "torch/jit/" in refused_file(evidence).replace("\\", "/")


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a TorchScript module is called: {source}" if source else ""


def _called(event: Event) -> Spot | None:
    return Spot(event.node, "a TorchScript module is called: {}")


REASON = Reason(
    title="a TorchScript module is called inside a compiled function",
    happened="""
        The compiled function calls something that was made with `torch.jit.script`,
        `torch.jit.trace` or `torch.jit.load`.
        """,
    why="""
        A scripted module was already compiled by another compiler; its Python code is gone.
        Dynamo has nothing to follow.
        """,
    instead="""
        Give Dynamo the Python module, before it is scripted:

            net = Net()          # not torch.jit.script(Net())
            y = torch.compile(net)(x)

        When only a file made by `torch.jit.save` is left, call it outside the compiled function.
        """,
    cost="""
        The graph ends before the module and starts again behind it. The module runs as
        TorchScript and is not fused with anything.
        """,
    kinds=("GB0357", "GB4695", "GB0265", "GB0266", "GB0267", "GB2977"),
    names=("torchscript", "scriptmodule", "torch.jit"),
    claims=_claims,
    before=("skipped-function",),
    headline=_headline,
    steps=("Use the Python module itself instead of `torch.jit.script(module)`.",),
    example=Example(
        bad="""
            import torch
            from torch import nn

            net = torch.jit.trace(nn.Linear(3, 3), torch.ones(1, 3))

            @torch.compile
            def step(x):
                y = x + 1
                return net(y) * 2

            step(torch.ones(1, 3))
            """,
        good="""
            import torch
            from torch import nn

            net = nn.Linear(3, 3)

            @torch.compile
            def step(x):
                y = x + 1
                return net(y) * 2

            step(torch.ones(1, 3))
            """,
    ),
    see_also=("compiled-extension",),
    seen=(Detector("instance", _called, names=("torch.jit.ScriptModule",)),),
)
