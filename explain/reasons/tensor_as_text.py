"""str(), format(), f-strings and % on tensors."""

import re

from g2.explain.reading import builtin, flat, on_tensor
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot


def _claims(evidence: Evidence) -> bool:
    if "StringFormatVariable(" in evidence.context and evidence.kind == "GB0156":
        return True
    if builtin(evidence)[0] in {"str", "repr", "format", "ascii"}:
        return on_tensor(evidence) or "NumpyNdarrayVariable" in evidence.context
    return evidence.kind == "GB0208" and re.search(r"example_value type: str\b", evidence.context) is not None


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a tensor is turned into text: {source}" if source else ""


def _written(event: Event) -> Spot | None:
    if len(event.args) != 1:
        return None
    return Spot(event.node, "a tensor becomes text: {}", (Need(event.args[0]),))


REASON = Reason(
    title="a tensor is turned into text",
    happened="""
        The compiled function makes text of a tensor: `str(x)`, `repr(x)`, `"%s" % x`, a format
        string whose text is then used.
        """,
    why="""
        The text holds the numbers of the tensor, and while Dynamo traces there are none. A graph
        has no text either.
        """,
    instead="""
        Return the tensor, and make text of it outside:

            y, mean = step(x)
            message = f"mean {mean:.2f}"

        Shapes, dtypes and names are known while Dynamo traces and can be formatted inside.
        """,
    cost="""
        The graph is cut, and the CPU waits for the device to finish before it can write the
        number.
        """,
    kinds=("GB0569", "GB0184", "GB2852", "GB4399"),
    names=(
        "repr() on tensor",
        "untraceable user-defined __repr__",
        "untraceable user-defined __str__",
    ),
    claims=_claims,
    before=("host-value", "non-tensor-result"),
    headline=_headline,
    steps=("Return the tensor and make text of it outside the compiled function.",),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                label = str(y.mean())
                return y + 1, label

            step(torch.ones(3))
            """,
        good="""
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                return y + 1, y.mean()

            _, mean = step(torch.ones(3))
            label = str(mean)
            """,
    ),
    see_also=("print-call", "host-value"),
    seen=(Detector("call", _written, names=("builtins.str", "builtins.repr")),),
)
