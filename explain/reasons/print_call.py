"""print() inside a compiled function."""

from g2.explain.reading import builtin, flat, method, refused_file
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Spot


def _claims(evidence: Evidence) -> bool:
    if builtin(evidence)[0] == "print":
        return True
    receiver, name = method(evidence)
    stream = name in {"write", "writelines", "flush"} and ("stdout" in evidence.source or "stderr" in evidence.source)
    return stream or receiver == "Tqdm" or refused_file(evidence).endswith(("pprint.py", "tqdm/std.py"))


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"print inside a compiled function: {source}" if source else "print inside a compiled function"


def _printed(event: Event) -> Spot | None:
    return Spot(event.node, "print inside a compiled function: {}")


REASON = Reason(
    title="print inside a compiled function",
    happened="""
        The compiled function prints something.
        """,
    why="""
        A graph holds tensor operations and nothing else. A `print` has to happen at its place, at
        every call, so Dynamo ends the graph, lets Python print, and starts a new graph.
        """,
    instead="""
        Return what you want to see, and print it outside:

            loss, mean = step(x)
            print(mean)

        A print for finding errors can be left out while compiling:

            if not torch.compiler.is_compiling():
                print(x.shape)

        A print of constants and tensors (not of shapes) can also be put off to the end of the
        graph: `torch._dynamo.config.reorderable_logging_functions.add(print)`.
        """,
    cost="""
        The graph is cut in two for a line of text, and printing a tensor makes the CPU wait for
        the device. Inside a loop the whole function stays uncompiled.
        """,
    claims=_claims,
    headline=_headline,
    steps=(
        "Return the value and print it outside the compiled function.",
        "Or keep the print out while compiling: `if not torch.compiler.is_compiling(): print(...)`.",
    ),
    outside=("Look for a `verbose=False`, `quiet=True` or `disable=True` of the library.",),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                print("mean", y.mean())
                return y + 1

            step(torch.ones(4))
            """,
        good="""
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                return y + 1, y.mean()

            _, mean = step(torch.ones(4))
            print("mean", mean)
            """,
        option="import torch; torch._dynamo.config.reorderable_logging_functions.add(print)",
    ),
    see_also=("logging-call", "warning-call", "tensor-as-text"),
    seen=(
        Detector(
            "call",
            _printed,
            names=(
                "builtins.print",
                "pprint.pprint",
                "pprint.pp",
                "sys.stdout.write",
                "sys.stderr.write",
                "tqdm.tqdm.write",
            ),
        ),
    ),
)
