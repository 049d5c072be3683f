"""A call into someone else's compiled code: ctypes, pybind11, Cython, SciPy, a C class of Python's own."""

import re

from g2.explain.reading import flat, method, standard_library
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Spot

_CLASS = re.compile(
    r"UserDefined(?:Class|Object)Variable\((?:<class ')?[\w.]*?"
    r"(ufunc|CFuncPtr|_FuncPtr|Scanner|SwigPyObject|pybind11\w*|cython\w*)"
)


def _claims(evidence: Evidence) -> bool:
    return _CLASS.search(evidence.context) is not None or standard_library(
        evidence, "json", "ctypes", "zlib", "hashlib", "decimal"
    )


def _headline(evidence: Evidence) -> str:
    receiver, name = method(evidence)
    what = flat(evidence.source, 50) or (f"{receiver}.{name}" if name else "")
    return f"a call into compiled code of another package: {what}" if what else ""


def _called(event: Event) -> Spot | None:
    return Spot(event.node, "a call into compiled code that Dynamo does not follow: {}")


REASON = Reason(
    title="a call into compiled code of another package",
    happened="""
        The compiled function calls code that was compiled by someone else: SciPy, a pybind11 or
        Cython module, `ctypes`, Python's `json`.
        """,
    why="""
        Dynamo follows Python code step by step. Machine code has no steps to follow, and Dynamo
        can't know what it does to a tensor.
        """,
    instead="""
        When the result does not depend on the input, compute it once outside:

            gamma = float(scipy.special.gamma(3.0))
            y = step(x, gamma)

        When it does, look for the torch function (`torch.special` has many of SciPy's). For a
        kernel of your own, register it as an operator:

            @torch.library.custom_op("mine::twice", mutates_args=())
            def twice(x: torch.Tensor) -> torch.Tensor:
                return my_extension.twice(x)

            @twice.register_fake
            def _(x):
                return torch.empty_like(x)

        It then stands in the graph as one node.
        """,
    cost="""
        The graph is cut, and tensors usually have to go to the CPU and back.
        """,
    claims=_claims,
    before=("skipped-function", "object-operation"),
    headline=_headline,
    steps=(
        "When the result does not depend on the input: compute it once, outside.",
        "Otherwise use the torch function, or register yours with `torch.library.custom_op` and `register_fake`.",
    ),
    example=Example(
        bad="""
            import json

            import torch

            @torch.compile
            def step(x):
                y = x * 2
                return y + json.loads("3")

            step(torch.ones(4))
            """,
        good="""
            import json

            import torch

            shift = json.loads("3")

            @torch.compile
            def step(x):
                y = x * 2
                return y + shift

            step(torch.ones(4))
            """,
    ),
    see_also=("skipped-function", "custom-operator", "numpy-function"),
    seen=(
        Detector("call", _called, names=("json.loads", "json.dumps", "json.load", "json.dump", "hashlib.*", "zlib.*")),
    ),
)
