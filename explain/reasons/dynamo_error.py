"""Dynamo itself raises where eager works."""

import re

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Reason

_ERROR = re.compile(r"^(\w+(?:Error|Exception|Failure|Warning))\b")


def _claims(evidence: Evidence) -> bool:
    return evidence.kind is None and _ERROR.match(evidence.title) is not None


def _headline(evidence: Evidence) -> str:
    found = _ERROR.match(evidence.title)
    where = flat(evidence.source, 40) or flat(evidence.function, 40)
    return f"Dynamo raised {found[1] if found else 'an error'} of its own: {where}".removesuffix(": ")


REASON = Reason(
    title="Dynamo raised an error of its own",
    happened="""
        While Dynamo traced this function, Dynamo itself ran into an error. The same code runs
        without compilation.
        """,
    why="""
        Dynamo imitates Python. Here its imitation went wrong in a way nobody foresaw, so instead
        of ending the graph it raised.
        """,
    instead="""
        Keep the function, or the line in it, out of graphs, until a newer torch can take it:

            @torch.compiler.disable
            def helper(x):
                ...

        Or try plainer forms of the line: what surprises Dynamo is mostly an unusual object or a
        decorator.
        """,
    cost="""
        Without g2 the program may stop at this place. g2 lets the function run uncompiled, so
        that the rest can be seen.
        """,
    names=("internal error", "assertion"),
    claims=_claims,
    headline=_headline,
    steps=(
        "Mark the function with `torch.compiler.disable`, or compile only the parts around it.",
        "Try a newer torch: such errors are often mended.",
    ),
    outside=(
        "Keep it out from outside, before the first call: `package.function = "
        "torch.compiler.disable(package.function)`.",
    ),
    family=True,
    see_also=("operator-fails", "disabled-on-purpose"),
)
