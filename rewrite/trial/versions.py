"""Both versions of the changed functions in one process: live function objects are given the one code or the other.

The new text was imported, so what it brought (imports, helpers) is there; the code before needs none of it.
"""

from __future__ import annotations

import ast
import builtins
import gc
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from g2.capture.overlay import Overlay
from g2.rewrite.trial import outside
from g2.rewrite.trial.codes import Pair, door, pairs, same
from g2.rewrite.trial.sides import Place, watched

_BEFORE = "__g2_before__"


@dataclass(frozen=True, slots=True)
class Live:
    """A function object of the process whose code has changed."""

    function: Any  # a FunctionType, for which type checkers take a MethodType
    pair: Pair

    def version(self, code: CodeType) -> FunctionType:
        """The same function with this code for good, whatever the function object itself is given."""
        real = self.function
        cells = dict(zip(self.pair.new.co_freevars, real.__closure__ or (), strict=True))
        closure = tuple(cells[name] for name in code.co_freevars)
        made = FunctionType(code, real.__globals__, real.__name__, real.__defaults__, closure)
        made.__kwdefaults__ = real.__kwdefaults__
        made.__qualname__, made.__module__ = real.__qualname__, real.__module__
        made.__dict__.update(real.__dict__)
        return made


@dataclass(frozen=True, slots=True)
class Noted:
    """A sentence that the proof carries: what was not compared."""

    what: str
    path: str
    line: int


class Versions:
    """The changed functions of the files that an overlay serves."""

    def __init__(self, overlay: Overlay, tests: dict[int, tuple[str, Place]]) -> None:
        """tests: place of each expression to watch, by number. Finds every live function, so it is made in a fork."""
        self.notes: list[Noted] = []
        self.watched: set[int] = set()
        self._pairs: list[Pair] = []
        self._hindered: set[tuple[str, int, str]] = set()  # of live functions that cannot be given the other code
        self._scripted: set[tuple[str, int]] = set()
        self._beside: list[Live] = []  # with other parameters: given the code that their callers know, and not compared
        for path in overlay.files:
            self._read(overlay, path, {n: place for n, (where, place) in tests.items() if where == path})
        self.changed = [pair for pair in self._pairs if not same(pair.old, pair.new)]
        self.live = list(self._find(overlay))
        # A function object takes no code with other variables of the function around it: such code is called.
        self._called = {
            number: live.version(live.pair.watched)
            for number, live in enumerate(self.live)
            if live.pair.old.co_freevars != live.pair.new.co_freevars
        }
        setattr(builtins, _BEFORE, lambda number, args, kwargs: self._called[number](*args, **kwargs))
        self._tell()

    def old(self) -> None:
        """From now on this process runs the code before, its tests watched."""
        self.new(())

    def new(self, only: Collection[Pair] | None = None) -> None:
        """From now on this process runs the new code; with `only`, that of these and the old of the others."""

        def stays(live: Live) -> bool:
            return only is not None and live.pair not in only

        for number, live in enumerate(self.live):
            code = live.pair.new
            if stays(live):
                code = door(_BEFORE, number, code) if number in self._called else live.pair.watched
            live.function.__code__ = code
        for live in self._beside:
            live.function.__code__ = live.pair.old if stays(live) else live.pair.new

    def _read(self, overlay: Overlay, path: str, tests: dict[int, Place]) -> None:
        name = Path(path).name
        try:
            before = overlay.original(path)
            trees = [ast.parse(before), ast.parse(before), ast.parse(overlay.files[path])]
            wrapped, found = watched(trees[1], tests)
            old, watching, new = (_compiled(tree, path) for tree in (trees[0], wrapped, trees[2]))
        except (OSError, SyntaxError, ValueError, RecursionError) as error:
            self.notes.append(Noted(f"The text before of {name} could not be run: {error}.", path, 0))
            return
        self.watched |= found
        self._pairs += pairs(path, old, new, watching)
        self._scripted |= {(path, line) for line in outside.scripted(trees[0])}
        self.notes += [Noted(note.what, path, note.line) for note in outside.notes(name, trees[0], trees[2])]

    def _find(self, overlay: Overlay) -> Iterable[Live]:
        gc.unfreeze()  # what is frozen is not listed
        exact = {pair.new: pair for pair in self.changed}
        near = {(pair.new.co_qualname, pair.new.co_firstlineno): pair for pair in self.changed}
        names = {pair.new.co_qualname for pair in self.changed}
        for one in gc.get_objects():
            if type(one) is not FunctionType:
                continue
            code = one.__code__
            if code.co_qualname not in names or overlay.get(code.co_filename) is None:
                continue
            pair = exact.get(code) or near.get((code.co_qualname, code.co_firstlineno))
            if pair is None or code.co_freevars != pair.new.co_freevars:
                continue
            if pair.hindrance:
                self._hindered.add((pair.path, pair.line, pair.name))
                if pair.old.co_freevars == pair.new.co_freevars and not (one.__defaults__ or one.__kwdefaults__):
                    self._beside.append(Live(one, pair))
            else:
                yield Live(one, pair)

    def _tell(self) -> None:
        for pair in self.changed:
            hindered = (pair.path, pair.line, pair.name) in self._hindered
            if "<locals>" in pair.new.co_qualname and not hindered:
                continue  # it comes with the function around it
            name = f"{pair.name} ({Path(pair.path).name}:{pair.line})"
            if hindered:
                why = f"{name} could not be run as it was before: {pair.hindrance}."
            elif (pair.path, pair.line) in self._scripted:
                why = f"{name} is compiled by torch.jit, so its two versions were not compared."
            elif pair.resumes:
                why = f"{name} is a generator or coroutine: it was compared only as a part of the calls that use it."
            else:
                continue
            self.notes.append(Noted(why, pair.path, pair.line))


def _compiled(tree: ast.Module, path: str) -> CodeType:
    code: Any = compile(tree, path, "exec", dont_inherit=True)
    assert isinstance(code, CodeType)
    return code
