"""A dictionary has other keys, or an attribute is there or not."""

from g2.capture.model import Guard, Recompile, Session
from g2.explain.reason import Example
from g2.explain.recompile_reason import RecompileReason


def _claims(guard: Guard) -> bool:
    return guard.kind in ("keys", "attribute")


def _advise(guard: Guard, recompile: Recompile, session: Session) -> tuple[str, ...]:
    return (
        (
            f"{guard.source} was {guard.old} and is {guard.new}. Set it in __init__ (to None, or to "
            "its first value), so that it is there from the first call."
            if guard.kind == "attribute"
            else f"{guard.source} has other keys. Pass always the same keys in the same order; keep "
            "out what the compiled function does not need."
        ),
    )


REASON = RecompileReason(
    title="other keys or attributes",
    happened="""
        A dictionary has other keys (or the same in another order) than at the time of compiling, or
        an attribute has appeared or gone.
        """,
    why="""
        What is in a dictionary and which attributes exist decide which code runs.
        """,
    instead="""
        Fill dictionaries with the same keys at every call, and set every attribute in `__init__`:

            self.cache = None
        """,
    cost="A compilation for each set of keys.",
    claims=_claims,
    advise=_advise,
    rank=13,
    example=Example(
        bad="""
            import torch

            @torch.compile
            def f(d):
                return sum(d.values())

            f({"a": torch.ones(3)})
            f({"a": torch.ones(3), "b": torch.ones(3)})
            """,
        good="""
            import torch

            @torch.compile
            def f(d):
                return sum(d.values())

            f({"a": torch.ones(3), "b": torch.zeros(3)})
            f({"a": torch.ones(3), "b": torch.ones(3)})
            """,
    ),
)
