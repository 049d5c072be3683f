"""A class is defined inside the compiled function."""

from g2.explain.reading import flat, function
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Spot
from g2.explain.scan.model import Sureness


def _claims(evidence: Evidence) -> bool:
    return function(evidence) == "builtins.__build_class__"


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source.partition("\n")[0], 50)
    return f"a class is defined inside a compiled function: {source}" if source else ""


def _made(event: Event) -> Spot | None:
    return Spot(event.node, "a class is made inside a compiled function", sure=Sureness.LIKELY)


REASON = Reason(
    title="a class is defined inside a compiled function",
    happened="""
        The compiled function contains a `class` statement.
        """,
    why="""
        Each call would make a new class. The graph holds tensor operations, and Dynamo has no way
        to make the class anew beside it.
        """,
    instead="""
        Define the class at the top of the file, and make only objects of it inside:

            class Point:
                ...

            @torch.compile
            def step(x):
                return Point(x)
        """,
    cost="""
        The graph is cut, and each call makes a class that nothing else can share.
        """,
    kinds=("GB0075", "GB8977", "GB5458"),
    claims=_claims,
    before=("skipped-function",),
    headline=_headline,
    steps=("Define the class at the top of the file.",),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def step(x):
                y = x * 2

                class Settings:
                    scale = 2

                return y * Settings.scale

            step(torch.ones(3))
            """,
        good="""
            import torch

            class Settings:
                scale = 2

            @torch.compile
            def step(x):
                y = x * 2
                return y * Settings.scale

            step(torch.ones(3))
            """,
    ),
    see_also=("object-construction", "module-built-in-forward"),
    seen=(Detector("class", _made),),
)
