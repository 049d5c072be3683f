"""Statements that a tensor may skip, run in any case: the one value that goes on, and what else they leave behind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import libcst as cst

from g2.rewrite.rules._choice import Notes, Refused, choose, in_vain, side
from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._names import bindings, nodes, reads, scope
from g2.rewrite.rules._run import never, runs
from g2.rewrite.rules._shared import shared
from g2.rewrite.rules._skipped import assignment
from g2.rewrite.rules._truth import Truth
from g2.rewrite.rules._update import Update

_LEAVING = (cst.Return, cst.Break, cst.Continue, cst.Raise, cst.Yield, cst.Await)
_PLAIN = frozenset({"tensor", "number", "bool", "none", "str", "module", "unknown", "tuple", "Size", "dtype", "device"})


def goes_on(block: Sequence[cst.BaseStatement], around: cst.CSTNode, kinds: Kinds, notes: Notes) -> cst.Assign:
    """The last assignment to the one name that was a tensor before the block; torch.where is to keep that one.

    around: what the block is a part of when nothing outside of the block itself belongs to the steps, else its first
    statement. Raises Refused; tells `notes` what is done for skipped steps too.
    """
    steps = _Steps(block, around, kinds, notes)
    steps.collect(block, True)
    last = steps.last()
    steps.others(last)
    steps.computed(last)
    return last


class _Steps:
    def __init__(self, block: Sequence[cst.BaseStatement], around: cst.CSTNode, kinds: Kinds, notes: Notes) -> None:
        self._kinds, self._notes = kinds, notes
        self._piece = kinds.site.piece
        self._function = scope(self._piece, around)
        self._start, self._end = self._piece.bounds(around)[0], self._piece.bounds(block[-1] if block else around)[1]
        self._made: list[tuple[cst.Assign, bool]] = []  # and whether directly in the block

    def collect(self, statements: Iterable[cst.BaseStatement], direct: bool) -> None:
        """Assignments to single names, and what Python decides between."""
        for one in statements:
            if isinstance(one, cst.If):
                self._branch(one)
                continue
            made = assignment(one)
            if made is None:
                raise Refused(f"`{self._piece.short(one)}` does more than to give a name a value")
            self._made.append((made, direct))

    def _branch(self, found: cst.If) -> None:
        way = runs(found.test, self._kinds)
        if way is None:
            raise Refused(f"which way `if {self._piece.short(found.test)}` goes is not known of every step")
        for suite, taken in ((found.body, way), (found.orelse, not way)):
            if suite is None:
                continue
            if not taken:
                self._idle(suite, found.test)
            elif isinstance(suite, cst.If):
                self._branch(suite)
            else:
                body = suite.body.body if isinstance(suite, cst.Else) else suite.body
                self.collect((one for one in body if isinstance(one, cst.BaseStatement)), False)

    def _idle(self, suite: cst.CSTNode, test: cst.BaseExpression) -> None:
        """What this run does not do: where another does, it is done for skipped steps too."""
        if any(isinstance(one, _LEAVING) for one in nodes(suite)):
            raise Refused(f"what `if {self._piece.short(test)}` decides may leave the steps")
        self._notes.ask(f"What `{self._piece.short(test)}` decides is done for skipped steps too.")

    def last(self) -> cst.Assign:
        found = [(made, direct) for made, direct in self._made if self._kinds.of(made.targets[0].target).tensor]
        if not found:
            name = _name(self._made[-1][0]) if self._made else ""
            raise Refused(f"it is not known that `{name}` is a tensor before the steps" if name else "nothing is made")
        if len(found) > 1:
            raise Refused(f"`{_name(found[0][0])}` gets a value as well as `{_name(found[-1][0])}`")
        made, direct = found[0]
        if not direct:
            raise Refused(f"`{_name(made)}` gets a value on one way only")
        return made

    def others(self, last: cst.Assign) -> None:
        """Names besides it: nothing may be read that a skipped step would have left as it was."""
        for name in dict.fromkeys(_name(made) for made, _ in self._made if made is not last):
            first = min(self._piece.bounds(one)[0] for one, _ in self._made if _name(one) == name)
            for read in reads(self._piece, self._function, name):
                place = self._piece.bounds(read)[0]
                if first < place < self._end:
                    continue
                test = never(read, self._kinds) if not self._start <= place < self._end else None
                if test is not None:
                    self._notes.ask(f"What `{self._piece.short(test)}` decides is done for skipped steps too.")
                elif self._handed_out(name, place):
                    self._notes.ask(f"`{name}` gets what a skipped step makes too.")
                else:
                    raise Refused(f"`{name}` is used elsewhere, where a skipped step left another value")

    def _handed_out(self, name: str, place: int) -> bool:
        """Whether a name that was None is read behind the loop alone, where the steps fill a cache: it may be that."""
        kind = self._kinds.bound.get(name)
        loop = next(
            (o for o in self._piece.ancestors(self._kinds.site.node) if isinstance(o, (cst.For, cst.While))), None
        )
        behind = loop is not None and place >= self._piece.bounds(loop)[1]
        fill = any(_handed(made.value, self._kinds) for made, _ in self._made)
        return behind and fill and kind is not None and kind.name == "none"

    def computed(self, last: cst.Assign) -> None:
        kinds = self._kinds
        if not kinds.of(last.targets[0].target).grad:
            self._notes.ask("The value requires gradients also where the steps were skipped.", "requires-grad")
        for made, _ in self._made:
            value = side(made.value, kinds)
            if made is last:
                choose(Truth("skip"), side(made.targets[0].target, kinds), value, kinds, self._notes)
            else:
                in_vain(value, kinds, self._notes)
                if not kinds.of(made.targets[0].target).tensor:
                    kinds.bind(_name(made), value.kind)
            for name in _handed(made.value, kinds):
                self._notes.ask(f"`{name}` gets what skipped steps put into it too.", f"filled:{name}")
        if self._notes.named:
            raise Refused("a derivative of the steps may be infinite where they are skipped")
        shared(Update(_name(last), side(last.value, kinds)), last, kinds)


def _handed(value: cst.BaseExpression, kinds: Kinds) -> list[str]:
    """Objects that calls get as arguments and may fill: caches, lists, dictionaries; in this run or in another."""
    found: dict[str, None] = {}
    for call in nodes(value):
        for argument in [one for one in call.args if one.star != "**"] if isinstance(call, cst.Call) else ():
            for one in nodes(argument.value):
                kind = kinds.bound.get(one.value) if isinstance(one, cst.Name) else None
                if not isinstance(one, cst.Name) or kind is None:
                    continue
                if kind.name not in _PLAIN or (kind.name == "none" and _made_object(one, kinds)):
                    found[one.value] = None
    return list(found)


def _made_object(name: cst.Name, kinds: Kinds) -> bool:
    """Whether the function gives the name what a class makes, somewhere."""
    piece = kinds.site.piece
    for one in bindings(piece, scope(piece, name), name.value):
        above = piece.parent(one)
        assign = piece.parent(above) if isinstance(above, cst.AssignTarget) else None
        value = assign.value if isinstance(assign, cst.Assign) else None
        made = kinds.names.dotted(dotted(value.func)) if isinstance(value, cst.Call) else ""
        if not made.startswith("torch.") and any(part[:1].isupper() for part in made.split(".")):
            return True
    return False


def _name(assign: cst.Assign) -> str:
    target = assign.targets[0].target
    assert isinstance(target, cst.Name)
    return target.value
