"""Python's random module inside a compiled function."""

from g2.explain.reading import flat, function, module, standard_library
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot


def _claims(evidence: Evidence) -> bool:
    named = module(evidence) in {"random", "_random", "secrets", "uuid"} or function(evidence).startswith(
        ("Random.", "random.Random")
    )
    return named or standard_library(evidence, "random", "secrets", "uuid")


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a random number from Python: {source}" if source else ""


# randint, randrange and uniform are traced (torch 2.11 to 2.15), and so is random() of an instance.
_DRAWS = (
    "random",
    "choice",
    "choices",
    "shuffle",
    "sample",
    "gauss",
    "normalvariate",
    "betavariate",
    "seed",
    "getrandbits",
)


def _drawn(event: Event) -> Spot | None:
    return Spot(event.node, "Python's random is used inside a compiled function: {}")


def _drawn_of_instance(event: Event) -> Spot | None:
    needs = (Need(event.receiver, "random"),)
    return Spot(event.node, "Python's random is used inside a compiled function: {}", needs)


REASON = Reason(
    title="a random number is drawn with Python's random",
    happened="""
        The compiled function drew with Python's `random` module (`choice`, `shuffle`, `seed`, or
        a `random` that was imported by name), or made a `uuid`.
        """,
    why="""
        The draw must be another one at each call, and it moves Python's own random stream on. A
        graph can't do that. Dynamo knows a few forms (`random.uniform(a, b)`, `random.randint(a,
        b)`) and stops at the others.
        """,
    instead="""
        Draw before the compiled function and pass the number in as a tensor, so that a new number
        does not compile it again:

            scale = torch.tensor(random.random())
            y = step(x, scale)

        Or draw with torch inside. It is another random stream, so a seeded run gives other
        numbers than before:

            drop = torch.rand(()) < 0.1
            y = torch.where(drop, x, layer(x))

        `torch.where` computes the layer even when it is dropped.
        """,
    cost="""
        Each draw cuts the graph. A draw in a loop over layers (layer drop) leaves the whole
        function uncompiled.
        """,
    kinds=("GB0297",),
    claims=_claims,
    before=("skipped-function", "interpreter-state"),
    headline=_headline,
    steps=(
        "Draw before the compiled function and pass it in: `step(x, torch.tensor(random.random()))`.",
        "Or draw with `torch.rand(())` inside; a seeded run then gives other numbers than before.",
    ),
    outside=(
        "Switch the random part off where training allows it (layer drop 0, augmentation outside "
        "the model): the break goes with it.",
    ),
    example=Example(
        bad="""
            import random

            import torch

            @torch.compile
            def step(x):
                scale = random.choice([1, 2])
                return x * scale

            step(torch.ones(4))
            """,
        good="""
            import random

            import torch

            @torch.compile
            def step(x, scale):
                return x * scale

            step(torch.ones(4), torch.tensor(random.choice([1, 2])))
            """,
    ),
    see_also=("numpy-random", "random-state", "clock-read"),
    seen=(
        Detector("call", _drawn, names=tuple(f"random.{name}" for name in _DRAWS)),
        Detector("call", _drawn_of_instance, methods=_DRAWS[1:]),
    ),
)
