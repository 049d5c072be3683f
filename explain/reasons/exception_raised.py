"""An exception leaves the compiled function, or is used in a way Dynamo can't follow."""

import re

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason

_RAISED = re.compile(r"raised exception (\w+)\(")


def _headline(evidence: Evidence) -> str:
    found = _RAISED.search(evidence.context)
    name = found[1] if found else "an exception"
    source = flat(evidence.source, 50)
    return f"{name} is raised inside a compiled function: {source}" if source else ""


REASON = Reason(
    title="an exception is raised inside a compiled function",
    happened="""
        An exception came up while Dynamo traced, and nothing inside the compiled function caught
        it. Or an exception was used in an unusual way (a class that is no exception, an attribute
        set on it).
        """,
    why="""
        A graph can't raise. Dynamo follows `try` and `except` inside the function, but an
        exception that leaves it makes Dynamo give the function up and run it uncompiled, so that
        the exception comes as it should. At times the exception is Dynamo's alone: it can't model
        some operation, and Python would not have raised.
        """,
    instead="""
        Check the arguments before the compiled function:

            if "scale" not in settings:
                raise KeyError("scale")
            y = step(x, settings["scale"])

        When Python does not raise here, look at the operation in the line: it uses `id()`,
        `hash()` or a formatted tensor, say. Move that out.
        """,
    cost="""
        The whole function runs uncompiled whenever the exception comes up.
        """,
    kinds=(
        "GB0088",
        "GB0089",
        "GB0050",
        "GB0051",
        "GB0028",
        "GB0057",
        "GB0135",
        "GB0273",
        "GB0111",
        "GB0196",
        "GB0178",
        "GB0182",
    ),
    names=("exception", "raised"),
    headline=_headline,
    steps=("Check for this before the compiled function, and raise there.",),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def step(x, settings):
                y = x + 1
                if "scale" not in settings:
                    raise KeyError("scale")
                return y * settings["scale"]

            try:
                step(torch.ones(3), {})
            except KeyError:
                pass
            """,
        good="""
            import torch

            @torch.compile
            def step(x, scale):
                y = x + 1
                return y * scale

            settings = {"scale": 2}
            if "scale" not in settings:
                raise KeyError("scale")
            step(torch.ones(3), settings["scale"])
            """,
    ),
    see_also=("operator-fails", "dynamo-error"),
)
