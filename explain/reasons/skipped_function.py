"""A function without Python source, or one that Dynamo refuses to go into."""

from g2.explain.reading import flat, function
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Spot


def _headline(evidence: Evidence) -> str:
    name = function(evidence)
    source = flat(evidence.source, 40)
    return f"a call that Dynamo does not follow: {flat(name or source)}" if name or source else ""


def _called(event: Event) -> Spot | None:
    return Spot(event.node, "a call that Dynamo does not follow: {}")


REASON = Reason(
    title="a call that Dynamo does not follow",
    happened="""
        The compiled function calls something that Dynamo can't or won't go into: a builtin or a
        function written in C, or a Python function on its list of functions to leave alone (much
        of the standard library, parts of torch such as `torch.set_num_threads`).
        """,
    why="""
        Dynamo follows Python code step by step. A function written in C has no steps to follow,
        and some Python functions are known to go wrong when traced. It ends the graph, lets
        Python make the call, and starts a new graph.
        """,
    instead="""
        Make the call before or after the compiled function, and pass its result in. Settings
        belong at the start of the program:

            torch.set_num_threads(1)
            y = step(x)

        When the function computes on tensors in C, register it as an operator with
        `torch.library.custom_op`, and give it a `register_fake`; then it becomes a node in the
        graph.
        """,
    cost="""
        The graph is cut at each such call. Inside a loop, `try` or `with`, the whole function
        stays uncompiled.
        """,
    kinds=(
        "GB0007",
        "GB0008",
        "GB0009",
        "GB0147",
        "GB0148",
        "GB0177",
        "GB0005",
        "GB9198",
        "GB0049",
        "GB0071",
        "GB0174",
        "GB0060",
    ),
    names=("skipped", "c/c++", "not implemented in python"),
    headline=_headline,
    steps=(
        "Make the call before or after the compiled function, and pass its result in.",
        "When it computes on tensors in C or C++: register it with `torch.library.custom_op` and `register_fake`.",
    ),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                torch.set_num_threads(1)
                return y + 1

            step(torch.ones(4))
            """,
        good="""
            import torch

            torch.set_num_threads(1)

            @torch.compile
            def step(x):
                y = x * 2
                return y + 1

            step(torch.ones(4))
            """,
    ),
    see_also=("compiled-extension", "disabled-on-purpose", "custom-operator"),
    seen=(
        Detector(
            "call",
            _called,
            names=(
                "torch.set_num_threads",
                "torch.set_printoptions",
                "torch.cuda.empty_cache",
                "scipy.optimize.linear_sum_assignment",
                "scipy.optimize.minimize",
                "scipy.spatial.distance.cdist",
                "uuid.*",
                "bisect.bisect",
                "bisect.bisect_left",
                "bisect.bisect_right",
                "importlib.import_module",
            ),
        ),
    ),
)
