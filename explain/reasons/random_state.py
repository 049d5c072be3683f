"""Seeding torch, reading or setting its random state, a Generator inside a compiled function."""

from g2.explain.reading import flat, method, module
from g2.explain.reason import Evidence, Example, Reason
from g2.explain.scan.detector import Detector, Event, Need, Spot


def _claims(evidence: Evidence) -> bool:
    if module(evidence) in {"torch.random", "torch.cuda.random"}:
        return True
    if evidence.kind in {"GB0208", "GB0142"} and "fork_rng" in f"{evidence.context} {evidence.source}":
        return True
    generator = "UserDefinedObjectVariable(Generator)" in evidence.context
    return method(evidence)[0] == "Generator" or (evidence.kind == "GB0055" and generator)


def _headline(evidence: Evidence) -> str:
    source = flat(evidence.source, 50)
    return f"torch's random state is touched: {source}" if source else ""


def _used(event: Event) -> Spot | None:
    return Spot(event.node, "the state of torch's random numbers is used: {}")


def _asked(event: Event) -> Spot | None:
    headline = "a generator of random numbers is changed or read: {}"
    return Spot(event.node, headline, (Need(event.receiver, "generator"),))


def _drawn(event: Event) -> Spot | None:
    generator = event.keywords.get("generator")
    if generator is None:
        return None
    headline = "random numbers from a generator of its own: {}"
    return Spot(event.node, headline, (Need(generator, "generator"),))


REASON = Reason(
    title="torch's random state is read or set",
    happened="""
        The compiled function seeds torch (`torch.manual_seed`), reads or sets its random state
        (`get_rng_state`, `fork_rng`), or draws with a `torch.Generator` of its own.
        """,
    why="""
        Dynamo takes one random state through the graph. Changing it in the middle, or drawing
        from another one, can't be written into the graph.
        """,
    instead="""
        Seed before the compiled function:

            torch.manual_seed(0)
            y = step(x)

        Or draw outside with your generator, and pass the numbers in:

            noise = torch.randn(x.shape, generator=generator)
            y = step(x, noise)
        """,
    cost="""
        The graph is cut at each of these calls. `fork_rng` as a context manager leaves the whole
        function uncompiled.
        """,
    kinds=("GB7650", "GB0107", "GB0110"),
    claims=_claims,
    before=("skipped-function", "context-manager", "non-tensor-result", "unusual-call"),
    headline=_headline,
    steps=("Seed before the call, or draw outside with your generator and pass the numbers in.",),
    outside=(
        "Pass ready-made noise or masks in, where the library takes them: then it need not touch the random state.",
    ),
    example=Example(
        bad="""
            import torch

            generator = torch.Generator().manual_seed(0)

            @torch.compile
            def step(x):
                y = x * 2
                return y + torch.rand(4, generator=generator)

            step(torch.ones(4))
            """,
        good="""
            import torch

            generator = torch.Generator().manual_seed(0)

            @torch.compile
            def step(x, noise):
                y = x * 2
                return y + noise

            step(torch.ones(4), torch.rand(4, generator=generator))
            """,
    ),
    see_also=("python-random", "numpy-random"),
    seen=(
        Detector(
            "call",
            _used,
            names=(
                "torch.manual_seed",
                "torch.seed",
                "torch.get_rng_state",
                "torch.set_rng_state",
                "torch.cuda.manual_seed",
                "torch.cuda.manual_seed_all",
                "torch.cuda.get_rng_state",
                "torch.cuda.set_rng_state",
                "torch.random.manual_seed",
                "torch.random.get_rng_state",
                "torch.random.set_rng_state",
            ),
        ),
        Detector(
            "call",
            _drawn,
            names=tuple(
                f"torch.{name}"
                for name in ("rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "empty")
            ),
        ),
        Detector("call", _asked, methods=("manual_seed", "seed", "initial_seed", "get_state", "set_state")),
        Detector("with", _used, names=("torch.random.fork_rng",)),
    ),
)
