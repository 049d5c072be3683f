"""NumPy used on plain numbers: Dynamo traces it as tensors, so a plain decision looks like one on data."""

import re
from typing import Any

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot
from g2.explain.scan.model import Sureness
from g2.explain.scan.operate import element

_NUMPY = re.compile(r"\b(np|numpy)\.(?!random\b)")


def _claims(evidence: Evidence) -> bool:
    if evidence.kind in {"GB0170", "GB0124", "GB0218", "GB0059"} and "NumpyNdarrayVariable" in evidence.context:
        return True
    reading = evidence.kind in {"GB0170", "GB0124", "GB0033", "GB0208", "GB0109"}
    return reading and _NUMPY.search(evidence.source) is not None


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source)
    return f"a NumPy value decides in Python: {source}" if source else ""


def _decided(event: Event) -> Spot | None:
    return Spot(event.node, "a NumPy value decides in Python: {}", (Need(event.value, "array"),), Sureness.LIKELY)


def _converted(event: Event) -> Spot | None:
    needs = tuple(Need(value, "array") for value in event.args)
    if not needs:
        return None
    headline = "a number from NumPy is needed in Python: {}"
    return Spot(event.node, headline, needs, Sureness.LIKELY, either=True)


def _read(event: Event) -> Spot | None:
    headline = "a number from NumPy is needed in Python: {}"
    return Spot(event.node, headline, (Need(event.receiver, "array"),), Sureness.LIKELY)


def _sized(event: Event) -> Spot | None:
    shape = event.args[0] if event.args else frozenset[Any]()
    parts = shape[1] if isinstance(shape, tuple) and shape[0] == "T" else (shape,)
    needs = tuple(
        Need(element(part) if parts == (shape,) and isinstance(part, frozenset) else part, "array") for part in parts
    )
    return Spot(event.node, "a number from NumPy is needed as a size: {}", needs, Sureness.LIKELY, either=True)


REASON = Reason(
    title="a NumPy value is used as a plain number",
    happened="""
        NumPy was used for arithmetic on plain numbers (`np.prod(shape)`, `np.sqrt(d)`, `np.lcm`),
        and the result was then used where Python needs a number: an `if`, `int()`, a size. The
        place that stopped may be far below the line that called NumPy.
        """,
    why="""
        Inside a compiled function Dynamo turns NumPy calls into tensor operations, even when
        everything is a plain number. A tensor has no numbers while Dynamo traces. So what
        would be harmless on a Python number (an `if`, `int()`, a size) depends on unknown data.
        """,
    instead="""
        Use Python's own arithmetic for plain numbers. Dynamo computes that while it traces, and
        nothing is left in the graph:

            import math

            n = math.prod(x.shape)          # not np.prod(x.shape)
            d = math.sqrt(dim)              # not np.sqrt(dim)
            k = math.lcm(*lengths)          # not np.lcm.reduce(lengths)

        Or compute the number once, outside the compiled function (in `__init__`), as an `int` or
        `float`.
        """,
    cost="""
        A calculation that costs nanoseconds ends the graph and starts another. What stands behind
        it is often compiled again for each new value.
        """,
    claims=_claims,
    before=("host-value", "tensor-branch", "size-from-data"),
    headline=_headline,
    steps=(
        "Use Python's own arithmetic, here or where the value is made: `math.prod(x.shape)`, "
        "`math.sqrt`, `max`, `sum`.",
        "Or compute it once outside the compiled function, as an `int` or `float`.",
    ),
    outside=(
        "Look for an argument that fixes the number from outside (a size, a chunk length), so "
        "that the library need not compute it.",
    ),
    example=Example(
        bad="""
            import numpy as np
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                if np.prod([2, 3]) > 4:
                    y = y + 1
                return y

            step(torch.ones(4))
            """,
        good="""
            import math

            import torch

            @torch.compile
            def step(x):
                y = x * 2
                if math.prod([2, 3]) > 4:
                    y = y + 1
                return y

            step(torch.ones(4))
            """,
    ),
    see_also=("numpy-function", "numpy-random", "tensor-branch"),
    seen=(
        Detector("test", _decided),
        Detector("call", _converted, names=("builtins.int", "builtins.float", "builtins.range")),
        Detector("call", _read, methods=("item", "tolist")),
        Detector("slice", _decided),
        Detector("call", _sized, names=("numpy.zeros", "numpy.ones", "numpy.empty", "numpy.full")),
    ),
)
