"""A generator is compiled directly, or must be carried over a break."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot


def _headline(evidence: Evidence) -> str:
    return f"a generator can't be compiled by itself: {flat(evidence.function)}" if evidence.function else ""


def _defined(event: Event) -> Spot | None:
    # One that is called inside is traced; only where a region begins at it, it is not.
    return Spot(event.node, "a generator is compiled", (Need(("r",), "root"),))


REASON = Reason(
    title="a generator can't be compiled by itself",
    happened="""
        A function with `yield` (or a generator expression) was to be compiled by itself. Often
        its caller had been given up before, and then this place is only an after-effect.
        """,
    why="""
        A generator stops in the middle and is resumed later. A graph runs from beginning to end.
        Dynamo can follow a generator only inside the function that uses it up.
        """,
    instead="""
        Compile the function that runs over the generator:

            @torch.compile
            def step(x):
                return sum(chunks(x))

        Or build a list instead of a generator.
        """,
    cost="""
        The generator runs uncompiled. When it holds no tensor work, that costs nothing.
        """,
    kinds=("GB0003", "GB0024", "GB0094", "GB0120", "GB0253", "GB2549", "GB8335", "GB7151"),
    names=("generator",),
    headline=_headline,
    steps=(
        "When its caller shows a break too: cure that one; this place goes with it.",
        "Otherwise compile the function that runs over the generator, not the generator.",
    ),
    outside=(
        "When its caller shows a break too: this place goes with that one. Without tensor work in "
        "it, it costs nothing.",
    ),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def chunks(x):
                for part in x.split(1):
                    yield part * 2

            list(chunks(torch.ones(3)))
            """,
        good="""
            import torch

            def chunks(x):
                for part in x.split(1):
                    yield part * 2

            @torch.compile
            def total(x):
                return sum(chunks(x))

            total(torch.ones(3))
            """,
    ),
    see_also=("context-manager", "lost-function"),
    seen=(Detector("generator", _defined),),
)
