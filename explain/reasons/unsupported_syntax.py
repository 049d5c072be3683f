"""A Python construct that Dynamo does not know."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Reason


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a Python construct Dynamo does not know: {source}" if source else ""


REASON = Reason(
    title="a Python construct Dynamo does not know",
    happened="""
        The compiled function uses something of the language that Dynamo can't follow:
        `async`/`await`, a rare form of format string, a new instruction of this Python version.
        """,
    why="""
        Dynamo reads the bytecode of the function, one instruction at a time. For this instruction
        it has no rule.
        """,
    instead="""
        Keep the tensor work in an ordinary function, and compile that:

            @torch.compile
            def compute(x):
                return x * 2

            async def handle(request):
                x = await read(request)
                return compute(x)
        """,
    cost="""
        The function usually stays uncompiled as a whole. In an `async` function Dynamo may raise
        an error of its own.
        """,
    kinds=("GB0020", "GB0021", "GB0079", "GB0082", "GB6604"),
    names=("bytecode", "build_string", "call_intrinsic", "handler"),
    headline=_headline,
    steps=("Put the tensor work into an ordinary function, and compile that one.",),
    family=True,
    see_also=("generator-function", "class-construction"),
)
