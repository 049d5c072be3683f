"""How a reason finds its situation in source: it names what it wants to see, and is asked there.

A reason's file holds its detectors in `seen`. All of them together make one table (`table()`), so that the walk over a
file asks only those that a call's name, a method's name or the kind of an expression concerns.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from g2.explain.scan.model import Sureness
from g2.explain.scan.values import NOTHING, Value

_NO_KEYWORDS: Mapping[str, Value] = {}


class Event:
    """Something a detector may look at, with what is known of the values in it.

    what: "call"; "test" (a value's truth is asked); "index" (x[i] is read); "slice" (one end of a slice); "in";
    "compare" (value and receiver, one of them a list or text); "set" (x.name = value); "put" (x[i] = value);
    "augmented" (x += value); "with"; "format" (in an f-string); "iterate" (for .. in value); "class"; "import";
    "generator" (a function that yields); and "instance", when files are put together: an instance of the class `name`
    is called, or a function that is "disabled".
    """

    __slots__ = (
        "args",
        "indices",
        "keywords",
        "method",
        "name",
        "names",
        "node",
        "parts",
        "receiver",
        "value",
        "what",
        "word",
    )

    # Written out: a hundred thousand of these are made of a large package.
    def __init__(
        self,
        what: str,
        node: ast.AST,
        value: Value = NOTHING,
        name: str = "",
        method: str = "",
        receiver: Value = NOTHING,
        args: Sequence[Value] = (),
        keywords: Mapping[str, Value] = _NO_KEYWORDS,
        word: str = "",
        indices: Sequence[Value] = (),
        parts: Sequence[ast.expr] = (),
        names: Sequence[str] = (),
    ) -> None:
        self.what = what
        self.node = node
        self.value = value  # what is tested, indexed, formatted, iterated, entered or stored
        self.name = name  # of a call or context manager, dotted: "torch.unique", "builtins.print"
        self.method = method  # the last part of a called or stored attribute
        self.receiver = receiver  # what a method is called on, or what an attribute is stored on
        self.args = args
        self.keywords = keywords
        self.word = word  # of a test: "if", "while", "assert", "and", "or", "not", "if-else", "comprehension"
        self.indices = indices
        self.parts = parts  # the indices as they are written
        self.names = names  # the last name in each index: "mask" of `x[self.mask]`


class Need(NamedTuple):
    """What has to hold for a spot to be real: that a value is `what` (a word of wants.WANTS)."""

    value: Value
    what: str = "tensor"


class Spot(NamedTuple):
    """A place where a situation stands, if all needs hold. With `either` one of them is enough."""

    node: ast.AST
    headline: str
    needs: tuple[Need, ...] = ()
    sure: Sureness = Sureness.SURE  # at most
    either: bool = False
    option: str = ""  # of torch._dynamo.config: with it set to True there is nothing to see


Look = Callable[[Event], Spot | None]
Looks = tuple[tuple[str, Look], ...]


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

    kinds: Mapping[str, Looks]
    names: Mapping[tuple[str, str], Looks]
    methods: Mapping[tuple[str, str], Looks]
    asked: dict[tuple[str, str, str], Looks] = field(default_factory=dict[tuple[str, str, str], Looks], compare=False)
    named: dict[str, Looks] = field(default_factory=dict[str, Looks], compare=False)  # of calls, by their names
    lasts: dict[str, Looks] = field(default_factory=dict[str, Looks], compare=False)  # and by their last parts

    def looks(self, what: str, name: str, method: str) -> Looks:
        """Those that want to see this at this dotted name and this last part; either may be empty."""
        key = (what, name, method)
        found = self.asked.get(key)
        if found is None:
            found = self.kinds.get(what, ())
            if name:
                found += self.names.get((what, name), ())
                found += self.names.get((what, name.rpartition(".")[0] + ".*"), ())
            if method:
                found += self.methods.get((what, method), ())
            self.asked[key] = found
        return found

    def of_name(self, name: str) -> Looks:
        """Those that want to see a call of this dotted name."""
        found = self.looks("call", name, "")
        if name.startswith("torch.") and name.count(".") > 1:
            found += self.names.get(("call", "torch.*"), ())
        self.named[name] = found
        return found

    def of_method(self, method: str) -> Looks:
        """Those that want to see a call of something's attribute of this name."""
        found = self.lasts[method] = self.looks("call", "", method)
        return found


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
