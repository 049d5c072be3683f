"""What one file of explain/reasons/ holds, and the evidence it is matched against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a break when its reason is looked for."""

    kind: str | None  # "GB0124"
    title: str  # Dynamo's short name, "Unsupported Tensor.item() call with capture_scalar_outputs=False"
    context: str  # Dynamo's debug context, first line
    opcode: str  # "POP_JUMP_IF_FALSE"
    source: str  # the text of the span (empty when unknown)
    path: str
    function: str


@dataclass(frozen=True, slots=True)
class Example:
    """Two small whole scripts, judged by real captures: `bad` gives exactly this reason, `good` one graph and no break."""

    bad: str
    good: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One situation in which Dynamo stops, explained to a person who has never seen Dynamo.

    The slug is the file's name with hyphens. Texts are plain sentences; `instead` may hold indented code.
    """

    title: str  # a headline without the place: "a branch depends on a tensor's value"
    happened: str  # what happened
    why: str  # why the graph stops there
    instead: str  # what to write instead
    cost: str  # what it costs to leave it
    kinds: tuple[str, ...] = ()  # Dynamo's ids that lead here when no other reason claims the evidence
    claims: Callable[[Evidence], bool] | None = None  # stronger than kinds: true when the evidence is this situation
    family: bool = False  # a fallback for a family of kinds rather than one situation
    example: Example | None = None
    see_also: tuple[str, ...] = ()
    slug: str = ""  # filled in by the catalog from the file's name
