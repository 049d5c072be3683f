"""Iterators and itertools that Dynamo can't step through."""

from g2.explain.reading import flat, refused_file
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot


def _claims(evidence: Evidence) -> bool:
    return "torch/utils/data/" in refused_file(evidence).replace("\\", "/")


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"Dynamo can't step through this: {source}" if source else ""


def _iterated(event: Event) -> Spot | None:
    if event.word != "for":
        return None
    headline = "a loop over something Dynamo cannot go through: {}"
    return Spot(event.node, headline, (Need(event.value, "loader"),))


REASON = Reason(
    title="Dynamo can't step through this iterator",
    happened="""
        A loop in the compiled function runs over something Dynamo can't step through: a data
        loader, a file, an iterator written in C, or an `itertools` function with unusual
        arguments. Or a value was unpacked (`a, b = value`) that Dynamo can't take apart.
        """,
    why="""
        Dynamo writes a loop out, one round after the other, while it traces. For that it must be
        able to take the next element itself. Lists, tuples, dicts, ranges, `zip`, `enumerate` and
        the modules of a `ModuleList` it can.
        """,
    instead="""
        Keep the loop outside and compile what happens in one round:

            for batch in loader:
                loss = step(batch)          # compiled

        Turn other iterators into a list before the compiled function.
        """,
    cost="""
        The loop, and with it the whole function, stays uncompiled.
        """,
    kinds=(
        "GB0061",
        "GB0062",
        "GB0063",
        "GB0077",
        "GB0114",
        "GB0115",
        "GB0118",
        "GB0132",
        "GB0133",
        "GB0134",
        "GB0152",
        "GB0154",
        "GB0155",
        "GB0160",
        "GB0192",
        "GB0268",
        "GB9192",
        "GB4347",
        "GB1752",
        "GB0811",
        "GB7230",
        "GB6025",
        "GB0200",
        "GB0143",
    ),
    names=("itertools", "iter", "unpack", "next()"),
    claims=_claims,
    before=("skipped-function",),
    headline=_headline,
    steps=(
        "Keep the loop outside and compile one round of it, or make a list of the iterator before "
        "the compiled function.",
        "When an outer function shows a break too: cure that one; this place may go with it.",
    ),
    outside=(
        "When its caller shows a break too: this place goes with that one. Without tensor work in "
        "it, it costs nothing.",
    ),
    example=Example(
        bad="""
            import torch
            from torch.utils.data import DataLoader

            loader = DataLoader([1.0, 2.0, 3.0, 4.0], batch_size=2)

            @torch.compile
            def epoch(weight):
                total = weight * 2
                for batch in loader:
                    total = total + batch.sum() * weight
                return total

            epoch(torch.ones(()))
            """,
        good="""
            import torch
            from torch.utils.data import DataLoader

            loader = DataLoader([1.0, 2.0, 3.0, 4.0], batch_size=2)

            @torch.compile
            def step(total, batch, weight):
                return total + batch.sum() * weight

            total = torch.zeros(())
            for batch in loader:
                total = step(total, batch.float(), torch.ones(()))
            """,
    ),
    see_also=("generator-function", "lost-function"),
    seen=(Detector("iterate", _iterated),),
)
