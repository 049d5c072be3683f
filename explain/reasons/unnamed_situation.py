"""The last resort: Dynamo stopped, and no other reason fits."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Reason


def _headline(evidence: Evidence) -> str:
    said = flat(evidence.title, 50)
    return f"Dynamo stops here ({said}): {flat(evidence.source, 40)}".removesuffix(": ") if said else ""


REASON = Reason(
    title="Dynamo stops here",
    happened="""
        Dynamo could not go on at this place. g2 knows no more about the cause than Dynamo's own
        words, which it shows.
        """,
    why="""
        Dynamo records tensor operations by imitating Python. It met something for which it has no
        rule, or a form that its rule does not cover.
        """,
    instead="""
        Two ways always work. Move the line out of the compiled function, and pass in or return
        what it needs. Or mark the function around it, so that the break is where you want it:

            @torch.compiler.disable
            def helper(x):
                ...
        """,
    cost="""
        The graph is cut in two here. Inside a loop, `try` or `with`, the whole function runs
        uncompiled.
        """,
    headline=_headline,
    steps=("Move the line out of the compiled function, and pass in or return what it needs.",),
    family=True,
    see_also=("object-operation", "unusual-call", "skipped-function"),
)
