"""An exception leaves the compiled function, or is used in a way Dynamo can't follow."""

import re

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason

_RAISED = re.compile(r"raised exception (\w+)\(")


def _claims(evidence: Evidence) -> bool:
    return evidence.kind == "GB0156" and "ExceptionVariable(" in evidence.context


def _headline(evidence: Evidence) -> str:
    found = _RAISED.search(evidence.context)
    source = flat(evidence.source, 50)
    if not source:
        return ""
    if found:
        return f"{found[1]} is raised inside a compiled function: {source}"
    return f"an exception is used in a way Dynamo can't follow: {source}"


REASON = Reason(
    title="an exception is raised or changed inside a compiled function",
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
    claims=_claims,
    headline=_headline,
    steps=(
        "Check for this before the compiled function, and raise there.",
        "Inside, use plain `raise Error(text)` and `except Error`, without attributes, notes or keywords.",
    ),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def step(x, settings):
                y = x + 1
                try:
                    y = y * settings["scale"]
                except KeyError as error:
                    error.shape = y.shape
                return y

            step(torch.ones(3), {})
            """,
        good="""
            import torch

            @torch.compile
            def step(x, settings):
                y = x + 1
                try:
                    y = y * settings["scale"]
                except KeyError:
                    pass
                return y

            step(torch.ones(3), {})
            """,
    ),
    see_also=("operator-fails", "dynamo-error"),
)
