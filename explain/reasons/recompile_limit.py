"""A function was compiled too often, and Dynamo has given it up."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason


def _headline(evidence: Evidence) -> str:
    return f"compiled too often, now runs uncompiled: {flat(evidence.function)}" if evidence.function else ""


REASON = Reason(
    title="compiled too often, now runs uncompiled",
    happened="""
        The function was compiled again and again, each time because something had changed since
        (a number, a size, an attribute), until the limit was reached (8,
        `torch._dynamo.config.recompile_limit`).
        """,
    why="""
        A compiled function is only right for what it was compiled for. Dynamo checks that at
        every call and compiles a new version when it does not hold. After 8 versions it stops
        trying: from then on calls that fit none of them run uncompiled, without a message.
        """,
    instead="""
        Look in the table of recompiles for what changes. A number that changes at every call goes
        in as a tensor:

            y = step(x, torch.tensor(scale))          # not step(x, scale)

        A size that changes: `torch._dynamo.mark_dynamic(x, 1)` before the call. A counter on the
        module: count outside, or keep it in a tensor buffer. A string or a setting with a few
        values: fewer of them, or one compiled function for each.

        A higher limit helps only when the number of versions is really bounded.
        """,
    cost="""
        Eight compilations, and behind them no compilation at all: the program runs like eager,
        only later.
        """,
    kinds=("GB0039",),
    names=("recompile limit", "cache size limit"),
    headline=_headline,
    steps=(
        "See in the recompile table what changes, and pass it as a tensor, or mark the size dynamic.",
        "Only when the versions are few: a higher `torch._dynamo.config.recompile_limit` before the first call.",
    ),
    outside=(
        "See in the recompile table what changes, and keep it the same from outside (pad to fixed "
        "sizes, pass a tensor).",
        "When the versions are few: a higher `torch._dynamo.config.recompile_limit` before the first call.",
    ),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def step(x, name):
                return x * len(name)

            for n in range(12):
                step(torch.ones(3), "a" * n)
            """,
        good="""
            import torch

            @torch.compile
            def step(x, scale):
                return x * scale

            for n in range(12):
                step(torch.ones(3), torch.tensor(n))
            """,
    ),
    see_also=("size-from-data",),
)
