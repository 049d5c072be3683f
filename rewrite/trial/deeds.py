"""The nouns of one call's outcome. Plain and frozen; `saved.py` writes and reads them, `compare.py` compares two."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value of a structure, where it stands, and everything about it that can be compared exactly.

    path: in words ("output 0", "self.cache['k']"). kind: "tensor", "number" (compared within a tolerance where that is
    asked for) or "text" (all else). facts: names and exact values: of a tensor its type, dtype, shape, stride, device,
    requires_grad, what it shares memory with. values: detached, on the CPU; None when they were not kept, then `digest`
    alone tells them apart.
    """

    path: str
    kind: str
    text: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    number: float | None = None
    values: torch.Tensor | None = None
    digest: str = ""

    def fact(self, name: str) -> str:
        """The fact of that name, or nothing."""
        return dict(self.facts).get(name, "")


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception that left the call. deliberate: by a `raise` or `assert` of the program, not torch's."""

    type: str  # qualified
    message: str
    deliberate: bool


@dataclass(frozen=True, slots=True)
class Told:
    """Something told to whoever looks on.

    kind: "stdout", "stderr", "log" or "warning". what: of a record its logger and level, of a warning its category.
    """

    kind: str
    text: str
    what: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that one call did.

    gradients: of the inputs and parameters, for fixed random cotangents. arguments and state: after the call; `changed`
    holds the paths of those that are not what they were. random: stream, digest before, digest after. modes: grad mode,
    default dtype and other such settings after the call.
    """

    outputs: tuple[Leaf, ...] = ()
    gradients: tuple[Leaf, ...] = ()
    arguments: tuple[Leaf, ...] = ()
    state: tuple[Leaf, ...] = ()
    changed: frozenset[str] = frozenset()
    raised: Raised | None = None
    told: tuple[Told, ...] = ()
    random: tuple[tuple[str, str, str], ...] = ()
    modes: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = field(default=())
