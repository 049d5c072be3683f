"""Attributes of objects read or written in ways Dynamo can't follow."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Spot


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"an attribute is read or set in a way Dynamo can't follow: {source}" if source else ""


def _changed(event: Event) -> Spot | None:
    return Spot(event.node, "an object's class is changed: {}")


REASON = Reason(
    title="an attribute is read or set in a way Dynamo can't follow",
    happened="""
        The compiled function reads or sets an attribute in an unusual way: on a function or on a
        class, by a name that is computed from data, through a `__getattribute__` of its own, on
        an object written in C.
        """,
    why="""
        Dynamo keeps a list of every attribute that changes and writes the changes down after the
        graph has run. For some objects it can't do that, so it lets Python make the change.
        """,
    instead="""
        Keep state on an ordinary object or in `self`, under a fixed name:

            self.calls = 1          # not step.calls = 1

        Return what was computed and set the attribute outside.
        """,
    cost="""
        The graph is cut at the attribute. Code that counts or caches in this way cuts it at every
        call.
        """,
    kinds=(
        "GB0004",
        "GB0006",
        "GB0031",
        "GB0032",
        "GB0081",
        "GB0084",
        "GB0096",
        "GB0113",
        "GB0121",
        "GB0131",
        "GB0136",
        "GB0137",
        "GB0150",
        "GB0153",
        "GB0161",
        "GB0188",
        "GB0189",
        "GB0190",
        "GB0202",
        "GB0211",
        "GB0217",
        "GB0252",
        "GB0254",
        "GB0256",
        "GB0271",
        "GB0281",
        "GB0287",
        "GB0467",
        "GB1392",
        "GB1940",
        "GB2412",
        "GB3241",
        "GB3697",
        "GB4271",
        "GB6215",
        "GB6404",
        "GB6999",
        "GB7168",
        "GB9277",
        "GB9368",
        "GB9522",
        "GB9672",
        "GB9899",
        "GB8949",
    ),
    names=("attribute", "getattr", "setattr", "hasattr", "descriptor", "__dict__", "mro"),
    headline=_headline,
    steps=(
        "Keep the state on `self` or an ordinary object under a fixed name, or set it outside the compiled function.",
    ),
    example=Example(
        bad="""
            import torch

            class Warm:
                scale = 1

            class Hot:
                scale = 2

            state = Warm()

            @torch.compile
            def step(x):
                y = x * 2
                state.__class__ = Hot
                return y * state.scale

            step(torch.ones(3))
            """,
        good="""
            import torch

            class State:
                scale = 1

            state = State()

            @torch.compile
            def step(x):
                y = x * 2
                state.scale = 2
                return y * state.scale

            step(torch.ones(3))
            """,
    ),
    see_also=("object-operation", "gradient-hook"),
    seen=(Detector("set", _changed, methods=("__class__",)),),
)
