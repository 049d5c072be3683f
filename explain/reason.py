"""What one file of explain/reasons/ holds, and the evidence it is matched against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from g2.explain.scan.detector import Detector


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
    """Small whole scripts, judged by real captures.

    `bad` gives exactly this reason and `good` one graph and no break. `option`, when there is one, is a line that makes
    `bad` capture in one graph when it runs before the script.
    """

    bad: str
    good: str
    option: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """One situation in which Dynamo stops, explained to a person who has never seen Dynamo.

    The slug is the file's name with hyphens. Texts are plain sentences in paragraphs; indented lines are code.
    A file may write them in triple quotes with any margin: the catalog takes the margin off and joins the lines.
    """

    title: str  # a headline without the place: "a branch depends on a tensor's value"
    happened: str  # what happened
    why: str  # why the graph stops there
    instead: str  # what to write instead
    cost: str  # what it costs to leave it
    kinds: tuple[str, ...] = ()  # Dynamo's ids that lead here when no other reason claims the evidence
    names: tuple[str, ...] = ()  # phrases in Dynamo's name for the break, asked when no reason lists its id
    claims: Callable[[Evidence], bool] | None = None  # stronger than kinds: true when the evidence is this situation
    before: tuple[str, ...] = ()  # slugs whose claims are asked only after this one's
    family: bool = False  # a fallback for a family of kinds rather than one situation
    headline: Callable[[Evidence], str] | None = None  # one line for one place; the title where there is none
    steps: tuple[str, ...] = ()  # what to do at a place in the person's own files
    outside: tuple[str, ...] = ()  # what to do when the place is in an installed library
    example: Example | None = None
    see_also: tuple[str, ...] = ()
    seen: tuple[Detector, ...] = ()  # how the static scan finds it in source
    slug: str = ""  # filled in by the catalog from the file's name
