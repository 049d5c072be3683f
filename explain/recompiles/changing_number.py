"""A Python number that the function uses changed."""

from g2.capture.model import Guard, Recompile, Session
from g2.explain.reason import Example
from g2.explain.recompile_reason import RecompileReason
from g2.explain.recompiles._sizes import settled
from g2.explain.scan.detector import Detector, Event, Need, Spot


def _plain(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _claims(guard: Guard) -> bool:
    return guard.kind == "value" and _plain(guard.new)


def _advise(guard: Guard, recompile: Recompile, session: Session) -> tuple[str, ...]:
    steps: list[str] = []
    if settled(guard, recompile, session):
        steps.append(
            f"It happened once: Dynamo then made {guard.source} dynamic by itself, or it did not "
            "change again. To save this one too:"
        )
    owner, dot, name = guard.source.rpartition(".")
    whole = guard.new.lstrip("-").isdigit()
    if owner == "self" and dot:
        first = guard.values[0] if guard.values else guard.old
        dtype = ", dtype=torch.long" if whole else ""
        change = f"self.{name} += 1" if whole else f"self.{name}.fill_(value)"
        steps.append(
            f"Keep {guard.source} as a tensor and change it in place ({change}); in a module, as a buffer, in place of "
            f"`self.{name} = ...` in `__init__` (with its first value):\n\n"
            f'    self.register_buffer(\n        "{name}", torch.tensor({first}{dtype}),\n        persistent=False)'
        )
        steps.append(
            f"Where an `if` or a size depends on {guard.source}, that would only move the trouble: decide in the "
            "loop that calls the model, and pass the decision as an argument."
        )
        if whole:
            steps.append(
                "Or let Dynamo treat integers on modules as inputs. It then compiles again only where an `if` on the "
                "number changes its answer:\n\n    torch._dynamo.config.allow_unspec_int_on_nn_module = True"
            )
    elif dot and not owner.startswith("("):
        steps.append(
            f"Keep {guard.source} as a tensor, {guard.source} = torch.tensor(...), or pass the "
            "number as an argument of the compiled function."
        )
    else:
        steps.append(
            f"Pass {guard.source} as a tensor, torch.tensor({guard.new}), so that its value is an "
            "input of the graph and not a part of the code."
        )
    return tuple(steps)


def _counted(event: Event) -> Spot | None:
    # Written as a loop's counter writes it: the next call finds another number.
    receiver = event.receiver
    if not event.method or (isinstance(receiver, frozenset) and "n" not in receiver):
        return None
    headline = "a number that changes at every call: {}"
    return Spot(event.node, headline, (Need(receiver, "number"), Need(event.value, "number"), Need(("m",), "module")))


REASON = RecompileReason(
    title="a Python number changed",
    happened="A Python number that the compiled function reads has another value than at the time of compiling.",
    why="""
        Python numbers are constants of the compiled code. An argument of the function is made dynamic
        at its second value; an integer that is an attribute of
        a module, or a global, stays a constant, and every new value compiles again until the recompile limit.
        """,
    instead="""
        Keep what changes in a tensor and change it in place:

            self.register_buffer("step", torch.zeros((), dtype=torch.long), persistent=False)
            ...
            self.step += 1
        """,
    cost="A compilation for each new value, and eager execution without a word after the recompile limit (8).",
    claims=_claims,
    advise=_advise,
    rank=10,
    outside="""
        The number is the library's own state. Where it is an integer of an nn.Module, set
        torch._dynamo.config.allow_unspec_int_on_nn_module = True; else keep the
        function that counts out of the graph: call it outside, or wrap it in torch.compiler.disable.
        """,
    example=Example(
        bad="""
            import torch

            class M(torch.nn.Module):
                def __init__(self):
                    super().__init__()
                    self.step = 0

                def forward(self, x):
                    self.step += 1
                    return x * self.step

            m = torch.compile(M())
            for _ in range(4):
                m(torch.ones(3))
            """,
        good="""
            import torch

            class M(torch.nn.Module):
                def __init__(self):
                    super().__init__()
                    self.register_buffer("step", torch.zeros((), dtype=torch.long), persistent=False)

                def forward(self, x):
                    self.step += 1
                    return x * self.step

            m = torch.compile(M())
            for _ in range(4):
                m(torch.ones(3))
            """,
    ),
    seen=(Detector("augmented", _counted),),
)
