"""Hooks are registered or removed inside a compiled function."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Spot


def _claims(evidence: Evidence) -> bool:
    return "RemovableHandle" in evidence.context or evidence.path.replace("\\", "/").endswith("torch/utils/hooks.py")


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a hook is changed inside a compiled function: {source}" if source and "next_id" not in source else ""


def _registered(event: Event) -> Spot | None:
    return Spot(event.node, "a hook is registered inside a compiled function: {}")


REASON = Reason(
    title="a hook is registered or removed inside a compiled function",
    happened="""
        The compiled function registers or removes a hook on a module or on a tensor in the middle
        of the graph.
        """,
    why="""
        A hook is Python code that runs later, from inside autograd or from another call. The
        graph can't hold such a promise, and the handle that removes the hook is no tensor.
        """,
    instead="""
        Register hooks once, before the compiled function:

            handle = net.register_forward_hook(hook)
            y = step(x)
            handle.remove()

        To change a gradient on its way, write a small `torch.autograd.Function`; to see an
        activation, return it.
        """,
    cost="""
        The graph is cut, and each new hook on a module compiles its `forward` again.
        """,
    kinds=("GB0013", "GB0029", "GB0083", "GB0100", "GB0101", "GB5821", "GB7444"),
    names=("hook",),
    claims=_claims,
    before=("object-attribute",),
    headline=_headline,
    steps=("Register and remove hooks outside the compiled function; return activations instead of catching them.",),
    example=Example(
        bad="""
            import torch
            from torch import nn

            net = nn.Linear(3, 3)

            @torch.compile
            def step(x):
                y = x + 1
                net.register_forward_hook(lambda module, args, out: out)
                return net(y)

            step(torch.ones(1, 3))
            """,
        good="""
            import torch
            from torch import nn

            net = nn.Linear(3, 3)
            net.register_forward_hook(lambda module, args, out: out)

            @torch.compile
            def step(x):
                y = x + 1
                return net(y)

            step(torch.ones(1, 3))
            """,
    ),
    see_also=("autograd-function", "object-attribute"),
    seen=(
        Detector(
            "call",
            _registered,
            methods=(
                "register_forward_hook",
                "register_forward_pre_hook",
                "register_full_backward_hook",
                "register_full_backward_pre_hook",
            ),
        ),
    ),
)
