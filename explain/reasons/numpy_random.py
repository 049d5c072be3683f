"""NumPy's random numbers inside a compiled function."""

import re

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot

_RANDOM = re.compile(r"\b(np|numpy)\.random\b|\bRandomState\b|numpy\.random|\b_?np_random\b")


def _claims(evidence: Evidence) -> bool:
    if "numpy" in evidence.context or evidence.kind in {"GB0033", "GB0124", "GB0170", "GB0208"}:
        return _RANDOM.search(f"{evidence.source} {evidence.context}") is not None
    return False


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source)
    return f"a random number from NumPy: {source}" if source else ""


# seed() is traced; what draws gives an array that soon meets Python.
_DRAWS = (
    "rand",
    "randn",
    "random",
    "random_sample",
    "uniform",
    "normal",
    "randint",
    "choice",
    "permutation",
    "beta",
    "binomial",
    "poisson",
    "gamma",
    "exponential",
    "geometric",
    "multinomial",
    "standard_normal",
    "dirichlet",
    "laplace",
    "shuffle",
    "SeedSequence",
    "default_rng",
)


def _drawn(event: Event) -> Spot | None:
    return Spot(event.node, "a random number from NumPy: {}")


def _drawn_of_generator(event: Event) -> Spot | None:
    return Spot(event.node, "a random number from NumPy: {}", (Need(event.receiver, "random"),))


REASON = Reason(
    title="a random number is drawn with NumPy",
    happened="""
        The compiled function drew a random number with `np.random`.
        """,
    why="""
        Dynamo turns some NumPy functions into tensor operations, but a draw becomes a tensor
        without a value, which Python then can't use as a number; other draws (`beta`,
        `permutation`) have no tensor form at all.
        """,
    instead="""
        Draw before the compiled function and pass the number in as a tensor, so that a new number
        does not compile it again:

            lam = torch.tensor(np.random.beta(0.5, 0.5))
            loss = step(x, lam)

        Or draw with torch inside. It is another random stream, so a seeded run gives other
        numbers than before:

            keep = torch.rand(()) < 0.5
            x = torch.where(keep, x, x * 2)
        """,
    cost="""
        The graph ends at each draw. The number then enters the next graph as a new constant,
        which may compile it again.
        """,
    kinds=("GB0298",),
    claims=_claims,
    before=(
        "host-value",
        "numpy-on-numbers",
        "numpy-function",
        "tensor-branch",
        "data-dependent-answer",
    ),
    headline=_headline,
    steps=(
        "Draw before the compiled function and pass it in: `step(x, torch.tensor(np.random.beta(0.5, 0.5)))`.",
        "Or draw with `torch.rand` inside; a seeded run then gives other numbers than before.",
    ),
    outside=("Many models take the mask or the mixing weight as an argument: make it before the call and pass it in.",),
    example=Example(
        bad="""
            import numpy as np
            import torch

            @torch.compile
            def mix(x):
                lam = np.random.beta(0.5, 0.5)
                return x * lam

            mix(torch.ones(4))
            """,
        good="""
            import numpy as np
            import torch

            @torch.compile
            def mix(x, lam):
                return x * lam

            mix(torch.ones(4), torch.tensor(np.random.beta(0.5, 0.5)))
            """,
    ),
    see_also=("python-random", "numpy-function"),
    seen=(
        Detector("call", _drawn, names=tuple(f"numpy.random.{name}" for name in _DRAWS)),
        Detector("call", _drawn_of_generator, methods=(*_DRAWS[:-2], "integers", "generate_state", "spawn")),
    ),
)
