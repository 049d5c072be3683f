"""One function's code serves several objects, and Dynamo compiles it for each."""

from g2.capture.model import Guard, Recompile, Session
from g2.explain.reason import Example
from g2.explain.recompile_reason import RecompileReason


def _claims(guard: Guard) -> bool:
    return (guard.source == "self" and guard.kind in ("type", "identity")) or _of_parameter(guard)


def _of_parameter(guard: Guard) -> bool:
    """A module's parameters keep their sizes: with others it is another module."""
    return guard.kind == "size" and "._parameters[" in guard.code.partition(",")[0]


def _advise(guard: Guard, recompile: Recompile, session: Session) -> tuple[str, ...]:
    values = ", ".join(guard.values or (guard.old, guard.new))
    objects = f"{guard.source}.size({guard.dim or 0}): {values}" if _of_parameter(guard) else values
    several = (
        f"{recompile.function} is one piece of code that several objects use ({objects}); "
        "each needs a compilation of its own, once."
    )
    if session.breaks:
        return (
            several,
            "It is compiled by itself only because a graph break cut the function that calls it: inside one graph it "
            "is inlined. Remove the breaks above first; this goes away with them.",
        )
    return (several,)


REASON = RecompileReason(
    title="one function serves several objects",
    happened="""
        A method or a wrapper that several objects share (a decorator around `forward`, a base class's method, the
        `forward` of layers of several widths) was called on another object than the one it was compiled for.
        """,
    why="""
        Compiled code is kept with the function's code, and all these objects share it. What is compiled for one of them
        holds its class, its attributes and its sub-modules, so the next one needs its own.
        """,
    instead="""
        Compile the whole model, without graph breaks between it and the shared function. Then the function is inlined
        at each place, and nothing is compiled by itself.
        """,
    cost=(
        "One compilation for each object, once. With many objects the recompile limit (8) is hit, and the rest runs in "
        "eager."
    ),
    claims=_claims,
    advise=_advise,
    rank=4,
    whole=True,
    example=Example(
        bad="""
            import torch

            class Base:
                @torch.compile
                def run(self, x):
                    return x * self.factor

            class Two(Base):
                factor = 2

            class Three(Base):
                factor = 3

            Two().run(torch.ones(3))
            Three().run(torch.ones(3))
            """,
        good="""
            import torch

            class Base:
                def run(self, x):
                    return x * self.factor

            class Two(Base):
                factor = 2

            class Three(Base):
                factor = 3

            @torch.compile
            def both(x):
                return Two().run(x) + Three().run(x)

            both(torch.ones(3))
            both(torch.ones(3))
            """,
    ),
)
