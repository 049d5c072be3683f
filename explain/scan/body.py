"""The walk over one function's body: what its names hold at each line, what it calls, what is sighted in it."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable
from typing import Any

from g2.explain.scan.detector import Event, Looks, Spot, Table
from g2.explain.scan.facts import Class, Function
from g2.explain.scan.model import Sureness
from g2.explain.scan.values import NONE, NUMBER, OTHER, TEXT, UNKNOWN, Value, outside
from g2.explain.scan.wants import least, level

_BUILTINS = frozenset(dir(builtins))
_OPEN = frozenset({"?", "N"})
_CONSTANTS: dict[type, Value] = {type(None): NONE, str: TEXT, bytes: TEXT, type(...): OTHER}  # all others are numbers

Keywords = tuple[tuple[str | None, Value], ...]
Expression = Callable[["Body", Any], Value]
Statement = Callable[["Body", Any], bool]  # whether it never goes on to the next one

EXPRESSIONS: dict[type[ast.AST], Expression] = {}
STATEMENTS: dict[type[ast.AST], Statement] = {}


class Sheet:
    """What is being found out about one file."""

    __slots__ = ("_lines", "_terms", "classes", "functions", "names", "options", "read", "stars", "table")

    def __init__(self, table: Table, read: Callable[[], list[bytes]]) -> None:
        self.table = table
        self.read = read  # the lines of the text that was parsed, in UTF-8, as columns count
        self._lines: list[bytes] = []
        self._terms: dict[str, Value] = {}
        self.functions: list[Function] = []
        self.classes: list[Class] = []
        self.names: dict[str, Value] = {}
        self.stars: list[str] = []
        self.options: list[str] = []

    def term(self, name: str) -> Value:
        """A name of the module that is looked up when files are linked; each time the same object."""
        found = self._terms.get(name)
        if found is None:
            found = self._terms[name] = ("g", "." + name)
        return found

    def source(self, node: ast.AST) -> tuple[str, tuple[int, int, int, int]]:
        """The text of a node, and where it stands."""
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        end, last = getattr(node, "end_lineno", None) or line, getattr(node, "end_col_offset", None) or column
        if not self._lines:
            self._lines = self.read()
        parts = self._lines[line - 1 : min(end, line + 40)]
        if parts:
            if end - line < 40:
                parts = [*parts[:-1], parts[-1][:last]]
            parts = [parts[0][column:], *parts[1:]]
        return b"\n".join(parts).decode("utf-8", "replace"), (line, column, end, last)


class Body:
    """One function while it is walked over."""

    __slots__ = (
        "calls",
        "captured",
        "certain",
        "dotted",
        "env",
        "evidence",
        "function",
        "globals",
        "local",
        "loops",
        "number",
        "outer",
        "owner",
        "places",
        "qualified",
        "returns",
        "self_name",
        "sheet",
        "stores",
        "yields",
    )

    def __init__(self, sheet: Sheet, function: Function, outer: Body | None, owner: int, qualified: str) -> None:
        self.sheet = sheet
        self.function = function
        self.number = len(sheet.functions)
        sheet.functions.append(function)
        self.outer = outer
        self.owner = owner
        self.qualified = qualified  # what comes before the names of functions and classes in it
        self.env: dict[str, Value] = {}
        self.dotted: set[str] = set()  # names of which attributes are, or were, in env
        self.globals: set[str] = set()
        self.local = True
        self.self_name = ""
        self.calls: list[tuple[Any, ...]] = []  # each one the parts of a Call
        self.places: dict[tuple[int, str], tuple[Spot, tuple[tuple[Value, str], ...], Sureness]] = {}
        self.returns: list[Value] = []
        self.yields: list[Value] = []
        self.stores: list[tuple[str, Value]] = []
        self.captured: dict[str, int] = {}
        self.evidence: set[int] = set()
        self.certain = True  # whether this line runs each time the function does
        self.loops = 0

    def value(self, node: ast.expr) -> Value:
        """What an expression gives."""
        kind = node.__class__
        if kind is ast.Name:  # every other one is
            found = self.env.get(node.id)  # type: ignore[attr-defined]
            return found if found is not None else self.lookup(node.id)  # type: ignore[attr-defined]
        if kind is ast.Constant:
            return _CONSTANTS.get(node.value.__class__, NUMBER)  # type: ignore[attr-defined]
        handler = EXPRESSIONS.get(kind)
        return handler(self, node) if handler is not None else UNKNOWN

    def run(self, statements: list[ast.stmt]) -> bool:
        """Walk over statements; whether they never reach their end."""
        for statement in statements:
            handler = STATEMENTS.get(statement.__class__)
            if handler is not None and handler(self, statement):
                return True
        return False

    def lookup(self, name: str) -> Value:
        """What a name holds here."""
        found = self.env.get(name)
        if found is not None:
            return found
        if name in self.globals:
            return self._global(name)
        outer = self.outer
        while outer is not None:
            if name in outer.env:
                return self._capture(name)
            outer = outer.outer
        return self._global(name)

    def _capture(self, name: str) -> Value:
        number = self.captured.get(name)
        if number is None:
            number = len(self.function.params) + len(self.captured)
            self.captured[name] = number
        return ("p", number)

    def _global(self, name: str) -> Value:
        found = self.sheet.names.get(name)
        if found is not None:
            if found[0] == "g" if isinstance(found, tuple) else not found & _OPEN:
                return found
        elif name in _BUILTINS:
            return outside(f"builtins.{name}")
        return self.sheet.term(name)

    def call(self, node: Any, callee: Any, args: tuple[Any, ...], keywords: Keywords = ()) -> Value:
        """Note a call, which stands at a node; the value is its result."""
        calls = self.calls
        calls.append(
            (callee, args, keywords, node.lineno, node.col_offset, node.end_lineno, node.end_col_offset, self.certain)
        )
        return ("c", len(calls) - 1)

    def used_as_tensor(self, value: Value) -> None:
        """Remember that a parameter is used as only tensors are."""
        if isinstance(value, tuple):
            if value[0] == "p":
                self.evidence.add(value[1])
            elif value[0] == "!" and isinstance(value[1], tuple) and value[1][0] == "p":
                self.evidence.add(value[1][1])

    def see(self, event: Event) -> None:
        """Ask the detectors that want this event."""
        looks = self.sheet.table.looks(event.what, event.name, event.method)
        if looks:
            self.ask(looks, event)

    def ask(self, looks: Looks, event: Event) -> None:
        """Ask these detectors, and keep the spots that can be real."""
        for slug, look in looks:
            spot = look(event)
            if spot is not None:
                self._keep(slug, spot)

    def _keep(self, slug: str, spot: Spot) -> None:
        sure = spot.sure if self.certain else least(spot.sure, Sureness.LIKELY)
        open_needs: list[tuple[Value, str]] = []
        met = False
        for need in spot.needs:
            value = need.value
            if isinstance(value, frozenset):
                found = level(value, need.what)
                if found is not None:
                    met = True
                    if not spot.either:
                        sure = least(sure, found)
                elif not spot.either:
                    return
            else:
                open_needs.append((value, need.what))
        if spot.either and spot.needs:
            if met:
                # One of them is enough, so the others need not be known.
                sure = least(sure, _best(spot))
                open_needs = []
            elif not open_needs:
                return
        key = (id(spot.node), slug)
        before = self.places.get(key)
        if before is None or (before[1] and not open_needs):
            self.places[key] = (spot, tuple(open_needs), sure)

    def finish(self) -> None:
        """Write what was found into the function."""
        function = self.function
        function.calls = tuple(self.calls)
        function.captured = tuple(self.captured)
        function.tensors = tuple(sorted(self.evidence))
        function.stores = tuple(self.stores)
        places: list[tuple[Any, ...]] = []  # each one the parts of a Place
        for (_, slug), (spot, needs, sure) in self.places.items():
            source, span = self.sheet.source(spot.node)
            places.append((slug, spot.headline, source, span, needs, spot.either, sure.value, spot.option))
        places.sort(key=_where)
        function.places = tuple(places)


def _where(place: tuple[Any, ...]) -> Any:
    return place[3]


def _best(spot: Spot) -> Sureness:
    best = Sureness.POSSIBLE
    for need in spot.needs:
        if isinstance(need.value, frozenset):
            found = level(need.value, need.what)
            if found is Sureness.SURE:
                return found
            if found is Sureness.LIKELY:
                best = found
    return best
