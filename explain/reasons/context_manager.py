"""`with` on something Dynamo does not know."""

import re

from g2.explain.reading import flat, standard_library
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Spot

_MADE = re.compile(r"example_value type: _GeneratorContextManager|UserDefinedClassVariable\(<class 'contextlib\.")


def _claims(evidence: Evidence) -> bool:
    return _MADE.search(evidence.context) is not None or standard_library(evidence, "contextlib")


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"`with` on something Dynamo does not know: {source.removeprefix('with ')}" if source else ""


def _entered(event: Event) -> Spot | None:
    return Spot(event.node, "a context manager that Dynamo does not know: {}")


REASON = Reason(
    title="`with` on something Dynamo does not know",
    happened="""
        The compiled function enters a context manager that Dynamo has no rule for:
        `torch.backends.cudnn.flags`, `contextlib.redirect_stdout`, one written in C.
        """,
    why="""
        Dynamo must know what entering and leaving do, because it has to do both again around each
        graph it makes inside. It knows torch's own (`no_grad`, `autocast`) and plain ones written
        in Python; for the others it gives up.
        """,
    instead="""
        Put the `with` around the compiled call:

            with torch.backends.cudnn.flags(enabled=False):
                y = step(x)

        For a setting that stays the same, set it once at the start of the program.
        """,
    cost="""
        A `with` that Dynamo does not know leaves the whole function uncompiled, not only the
        block inside.
        """,
    kinds=(
        "GB0142",
        "GB0066",
        "GB0221",
        "GB0262",
        "GB0263",
        "GB2533",
        "GB2710",
        "GB6956",
        "GB0274",
    ),
    names=("context manager", "contextmanager", "contextlib"),
    claims=_claims,
    before=("non-tensor-result",),
    headline=_headline,
    steps=("Put the `with` around the compiled call, or set the setting once at the start of the program.",),
    outside=(
        "Enter the same setting around your own call of the model, and switch the library's own "
        "use off where it has an option.",
    ),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def step(x):
                y = x + 1
                with torch.backends.cudnn.flags(enabled=False):
                    y = y * 2
                return y + 1

            step(torch.ones(3))
            """,
        good="""
            import torch

            @torch.compile
            def step(x):
                y = x + 1
                y = y * 2
                return y + 1

            with torch.backends.cudnn.flags(enabled=False):
                step(torch.ones(3))
            """,
    ),
    see_also=("thread-state", "profiler-range", "lost-function"),
    seen=(
        Detector(
            "with",
            _entered,
            names=(
                "torch.backends.cudnn.flags",
                "torch.autograd.detect_anomaly",
                "torch.autograd.set_detect_anomaly",
                "torch.autograd.graph.saved_tensors_hooks",
            ),
        ),
    ),
)
