"""copy.deepcopy and pickle inside a compiled function."""

from g2.explain.reading import flat, module, standard_library
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot


def _claims(evidence: Evidence) -> bool:
    return module(evidence) in {
        "_pickle",
        "pickle",
        "copy",
        "copyreg",
        "marshal",
    } or standard_library(evidence, "copy", "pickle", "copyreg")


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"an object is copied or pickled: {source}" if source else ""


def _copied(event: Event) -> Spot | None:
    if event.name == "copy.deepcopy":
        needs = tuple(Need(value, what) for value in event.args[:1] for what in ("tensor", "tensors", "module"))
        return (
            Spot(event.node, "something is copied inside a compiled function: {}", needs, either=True)
            if needs
            else None
        )
    return Spot(event.node, "something is copied inside a compiled function: {}")


REASON = Reason(
    title="an object is copied or pickled inside a compiled function",
    happened="""
        The compiled function calls `copy.deepcopy` on something that holds tensors or modules, or
        pickles an object.
        """,
    why="""
        A deep copy walks through an object with C code and makes new storage for every tensor in
        it. Dynamo can't write that into a graph.
        """,
    instead="""
        A tensor is copied with `clone`:

            y = x.clone()

        A module or a configuration is copied once, outside: in `__init__`, or before the compiled
        function.
        """,
    cost="""
        The graph is cut, and all that is copied is copied at every call.
        """,
    kinds=("GB4198", "GB0179"),
    claims=_claims,
    before=("skipped-function", "object-operation"),
    headline=_headline,
    steps=("Copy a tensor with `x.clone()`; copy modules and settings once, outside the compiled function.",),
    example=Example(
        bad="""
            import copy

            import torch

            @torch.compile
            def step(x):
                y = x * 2
                before = copy.deepcopy(y)
                return y.add_(1), before

            step(torch.ones(4))
            """,
        good="""
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                before = y.clone()
                return y.add_(1), before

            step(torch.ones(4))
            """,
    ),
    see_also=("file-or-environment", "module-built-in-forward"),
    seen=(
        Detector(
            "call",
            _copied,
            names=("copy.deepcopy", "copy.copy", "pickle.dumps", "pickle.loads", "pickle.dump", "pickle.load"),
        ),
    ),
)
