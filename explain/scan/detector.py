"""How a reason finds its situation in source: it names what it wants to see, and is asked there.

A reason's file holds its detectors in `seen`. All of them together make one table (`table()`), so that the walk over a
file asks only those that a call's name, a method's name or the kind of an expression concerns.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from g2.explain.scan.model import Sureness
from g2.explain.scan.values import Value


@dataclass(slots=True)
class Event:
    """Something a detector may look at, with what is known of the values in it.

    what: "call"; "test" (a value's truth is asked); "index" (x[i] is read); "slice" (one end of a slice); "in";
    "compare" (value and receiver, one of them a list or text); "set" (x.name = value); "put" (x[i] = value);
    "augmented" (x += value); "with"; "format" (in an f-string); "iterate" (for .. in value); "class"; "import";
    "generator" (a function that yields); and "instance", when files are put together: an instance of the class `name`
    is called, or a function that is "disabled".
    """

    what: str
    node: ast.AST
    value: Value = frozenset()  # what is tested, indexed, formatted, iterated, entered or stored
    name: str = ""  # of a call or context manager, dotted: "torch.unique", "builtins.print"
    method: str = ""  # the last part of a called or stored attribute
    receiver: Value = frozenset()  # what a method is called on, or what an attribute is stored on
    args: list[Value] = field(default_factory=list[Value])
    keywords: dict[str, Value] = field(default_factory=dict[str, Value])
    word: str = ""  # of a test: "if", "while", "assert", "and", "or", "not", "if-else", "comprehension"
    indices: list[Value] = field(default_factory=list[Value])
    parts: list[ast.expr] = field(default_factory=list[ast.expr])  # the indices as they are written
    names: list[str] = field(default_factory=list[str])  # the last name in each index: "mask" of `x[self.mask]`


@dataclass(frozen=True, slots=True)
class Need:
    """What has to hold for a spot to be real: that a value is `what` (a word of wants.WANTS)."""

    value: Value
    what: str = "tensor"


@dataclass(frozen=True, slots=True)
class Spot:
    """A place where a situation stands, if all needs hold. With `either` one of them is enough."""

    node: ast.AST
    headline: str
    needs: tuple[Need, ...] = ()
    sure: Sureness = Sureness.SURE  # at most
    either: bool = False
    option: str = ""  # of torch._dynamo.config: with it set to True there is nothing to see


Look = Callable[[Event], Spot | None]


@dataclass(frozen=True, slots=True)
class Detector:
    """Asks `look` at events of kind `what`.

    For calls and with statements: at those of the dotted `names` ("random.*" for everything in a module), or of a
    method called one of `methods`. Without either at all of them.
    """

    what: str
    look: Look
    names: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """All detectors, by what they want to see; each with the slug of its reason."""

    kinds: Mapping[str, tuple[tuple[str, Look], ...]]
    names: Mapping[tuple[str, str], tuple[tuple[str, Look], ...]]
    methods: Mapping[tuple[str, str], tuple[tuple[str, Look], ...]]


def table(detectors: Mapping[str, tuple[Detector, ...]]) -> Table:
    """The table of these detectors, given by their reason's slug."""
    kinds: dict[str, list[tuple[str, Look]]] = {}
    names: dict[tuple[str, str], list[tuple[str, Look]]] = {}
    methods: dict[tuple[str, str], list[tuple[str, Look]]] = {}
    for slug, seen in detectors.items():
        for detector in seen:
            if not detector.names and not detector.methods:
                kinds.setdefault(detector.what, []).append((slug, detector.look))
            for name in detector.names:
                names.setdefault((detector.what, name), []).append((slug, detector.look))
            for method in detector.methods:
                methods.setdefault((detector.what, method), []).append((slug, detector.look))
    return Table(
        {k: tuple(v) for k, v in kinds.items()},
        {k: tuple(v) for k, v in names.items()},
        {k: tuple(v) for k, v in methods.items()},
    )


def code(node: ast.AST, width: int = 60) -> str:
    """The source of a node as `ast.unparse` writes it, on one line, cut to a width."""
    try:
        text = " ".join(ast.unparse(node).split())
    except (RecursionError, ValueError):
        return type(node).__name__.lower()
    return text if len(text) <= width else text[: width - 3].rstrip() + "..."
