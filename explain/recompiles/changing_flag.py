"""A Python flag, mode or name changed."""

from g2.capture.model import Guard, Recompile, Session
from g2.explain.reason import Example
from g2.explain.recompile_reason import RecompileReason

_FLAGS = ("True", "False")


def _claims(guard: Guard) -> bool:
    return guard.kind == "value" and (guard.old in _FLAGS or guard.new in _FLAGS or guard.source.endswith(".training"))


def _advise(guard: Guard, recompile: Recompile, session: Session) -> tuple[str, ...]:
    return (
        f"Code for each value of {guard.source} is normal: there are only a few, and each is "
        "compiled once. When one of them is not wanted, set it once before the loop"
        + (" (model.train() and model.eval() also set it)." if guard.source.endswith("training") else "."),
    )


REASON = RecompileReason(
    title="a Python flag changed",
    happened="""
        A flag that the compiled function reads, such as `self.training`, has another value than at
        the time of compiling.
        """,
    why="""
        The branch that a flag chooses is a part of the compiled code, so each value has its own.
        """,
    instead="""
        Set the flag before the loop and leave it, or accept one compilation for each of its two values.
        """,
    cost="One compilation for each value; no more after that.",
    claims=_claims,
    advise=_advise,
    rank=30,
    example=Example(
        bad="""
            import torch

            m = torch.compile(torch.nn.Dropout(0.5))
            m.train()
            m(torch.ones(3))
            m.eval()
            m(torch.ones(3))
            """,
        good="""
            import torch

            m = torch.compile(torch.nn.Dropout(0.5))
            m.eval()
            for _ in range(3):
                m(torch.ones(3))
            """,
    ),
)
