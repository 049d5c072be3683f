"""Global settings of torch: inference mode, deterministic algorithms."""

from g2.explain.reading import flat
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Spot


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"a global setting of torch is read or changed: {source}" if source else ""


def _asked(event: Event) -> Spot | None:
    return Spot(event.node, "a setting of torch that Dynamo does not follow: {}")


REASON = Reason(
    title="a global setting of torch is read or changed",
    happened="""
        The compiled function asks for or changes a setting that holds for all of torch:
        `torch.is_inference_mode_enabled()`, `x.is_inference()`,
        `torch.use_deterministic_algorithms(True, warn_only=True)`.
        """,
    why="""
        Such a setting is decided before a graph is recorded. Inside it there is no answer that
        would hold for each later call.
        """,
    instead="""
        Change settings at the start of the program. Ask outside, and pass the answer in as a
        bool:

            y = step(x, inference=torch.is_inference_mode_enabled())
        """,
    cost="""
        The graph is cut at each such call.
        """,
    kinds=("GB0045", "GB0046", "GB0230"),
    names=("inference mode", "is_inference", "deterministic"),
    headline=_headline,
    steps=("Ask or set it outside the compiled function; pass the answer in as a bool.",),
    example=Example(
        bad="""
            import torch

            @torch.compile
            def step(x):
                y = x * 2
                if torch.is_inference_mode_enabled():
                    return y
                return y + 1

            step(torch.ones(3))
            """,
        good="""
            import torch

            @torch.compile
            def step(x, inference):
                y = x * 2
                if inference:
                    return y
                return y + 1

            step(torch.ones(3), torch.is_inference_mode_enabled())
            """,
    ),
    see_also=("random-state", "device-object"),
    seen=(Detector("call", _asked, names=("torch.is_inference_mode_enabled",)),),
)
