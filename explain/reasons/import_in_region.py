"""An import inside the compiled function fails or gives no module."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"an import inside a compiled function: {source}" if source else ""


REASON = Reason(
    title="an import inside a compiled function can't be followed",
    happened="""
        The compiled function contains an `import` that failed, or one that gives something else
        than a module. Often it is an optional package that is not installed.
        """,
    why="""
        Dynamo imports the module itself while it traces. When that does not work it can't go on.
        """,
    instead="""
        Import at the top of the file, and keep the answer:

            try:
                import fast_kernels
            except ImportError:
                fast_kernels = None
        """,
    cost="""
        The graph is cut. An import that fails is tried again at every call.
        """,
    kinds=("GB0022", "GB0069"),
    headline=_headline,
    steps=("Import at the top of the file, in `try` where the package is optional.",),
    outside=("Install the optional package the library looks for, when it is the missing one.",),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                try:
                    import no_such_module_anywhere
                except ImportError:
                    y = y + 1
                return y

            step(torch.ones(3))
            """,
        good="""
            import torch

            try:
                import no_such_module_anywhere
            except ImportError:
                no_such_module_anywhere = None

            @torch.compile
            def step(x):
                y = x * 2
                if no_such_module_anywhere is None:
                    y = y + 1
                return y

            step(torch.ones(3))
            """,
    ),
    see_also=("skipped-function",),
)
