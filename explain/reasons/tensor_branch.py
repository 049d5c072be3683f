"""`if`, `while`, `and`, `or`, `not`, `assert` on a value that is in a tensor."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source)
    if not source:
        return "a branch depends on a tensor's value"
    word = next((w for w in ("if", "while", "assert", "elif") if source.startswith(f"{w} ")), "")
    return f"`{word or 'if'}` on a tensor's value: {source.removeprefix(word).strip().rstrip(':')}"


def _tested(event: Event) -> Spot | None:
    if event.word == "plain assert":
        return None  # Dynamo makes an operator of `assert t` and `assert t, "text"`
    word = "if" if event.word in {"if", "match"} else event.word
    return Spot(event.node, f"`{word}` on a tensor's value: {{}}", (Need(event.value),))


def _contained(event: Event) -> Spot | None:
    headline = "`in` asks for a tensor's value: {}"
    return Spot(
        event.node, headline, (Need(event.value), Need(event.receiver), Need(event.value, "tensors")), either=True
    )


def _all(event: Event) -> Spot | None:
    needs = tuple(Need(value, what) for value in event.args[:1] for what in ("tensor", "tensors"))
    return Spot(event.node, "`all` or `any` asks for a tensor's value: {}", needs, either=True) if needs else None


REASON = Reason(
    title="a branch depends on a tensor's value",
    happened="""
        Python had to choose a way (`if`, `while`, `and`, `or`, `not`, `in`, or an `assert` with a
        computed message), and the choice depends on a number inside a tensor.
        """,
    why="""
        Dynamo records a graph without computing: while it traces, a tensor has a shape and a
        dtype but no numbers yet. So it can't know which branch to record. It ends the graph, lets
        Python look at the number, and starts a new graph in the branch that was taken.
        """,
    instead="""
        When both branches give a tensor, compute both and select:

            y = torch.where(x.sum() > 0, x + 1, x - 1)

        When a branch is dear, `torch.cond` runs only one. Both functions must return new tensors
        of the same shape and dtype:

            y = torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (x,))

        When it ends a loop (`if done: break`, `while not done:`), run a fixed number of steps and
        carry a mask instead:

            done = torch.zeros((), dtype=torch.bool)
            for block in blocks:
                new = block(x)
                done = done | ((new - x).norm() < 0.5)
                x = torch.where(done, x, new)

        When the condition only checks the input, check it before the compiled function. When it
        never changes (a flag, a setting), keep it as a Python bool or number instead of a tensor.
        """,
    cost="""
        Every call waits until the device has computed the condition, then starts a second graph.
        Nothing is fused across the line, and each branch that is taken is compiled on its own.
        Inside a loop the whole function stays uncompiled.
        """,
    kinds=("GB0170", "GB0034", "GB0035", "GB2582"),
    headline=_headline,
    steps=(
        "When both branches give a tensor: `torch.where(condition, a, b)`. When it ends a loop: run all "
        "steps and keep a mask, `done = done | condition; x = torch.where(done, x, new)`.",
        "When the condition only checks the input, or never changes: move the `if` out of the "
        "compiled function, or keep the flag as a Python bool.",
    ),
    outside=(
        "Look for an argument that switches the check off (`validate_args=False` and the like), "
        "or a setting that replaces the tensor by a Python value.",
    ),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                if y.sum() > 0:
                    return y + 1
                return y - 1

            step(torch.ones(4))
            """,
        good="""
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                return torch.where(y.sum() > 0, y + 1, y - 1)

            step(torch.ones(4))
            """,
    ),
    see_also=("host-value", "size-from-data", "numpy-on-numbers"),
    seen=(
        Detector("test", _tested),
        Detector("in", _contained),
        Detector("call", _all, names=("builtins.all", "builtins.any")),
    ),
)
