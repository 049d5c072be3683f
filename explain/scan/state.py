"""All activations, what attributes hold, and who has to look again when one of these changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from g2.explain.scan.activation import Activation, Readers, Site
from g2.explain.scan.detector import Table
from g2.explain.scan.facts import Call, Function
from g2.explain.scan.linked import Linked
from g2.explain.scan.project import Project
from g2.explain.scan.values import NOTHING, Kind, Value, covered, narrow

_OFTEN = 40  # evaluations of one activation


class Member:
    """An attribute of one instance or class: where it is looked for, and what was found there last."""

    __slots__ = ("atom", "begun", "keys", "kind", "lasting", "methods", "readers", "steps", "stored")

    def __init__(self, atom: Any, methods: Sequence[int] = (), lasting: bool = True, kind: Kind | None = None) -> None:
        self.atom = atom
        self.methods = methods
        # A class, its key in `attrs`, and what the body of the class says; None where methods store it.
        self.steps: list[tuple[int, tuple[int, str], Value | None]] = []
        self.keys: list[tuple[int, str]] = []
        self.stored = False  # whether any class stores it
        self.lasting = lasting  # what is found is the same until something is stored under one of the keys
        self.begun = False  # the methods that store it are activated
        self.kind = kind
        self.readers: Readers = {}


class State(Linked):
    """All activations, and which of them have to be looked at again."""

    def __init__(self, project: Project, table: Table) -> None:
        self.table = table
        self.acts: dict[tuple[int, bool], Activation] = {}
        self.outside: deque[Activation] = deque()  # these first: they say what regions find in attributes
        self.inside: deque[Activation] = deque()
        self.attrs: dict[tuple[int, str], Kind] = {}
        self.attr_readers: dict[tuple[int, str], Readers] = {}
        self.members: dict[tuple[Any, str], Member] = {}
        self.members_of: dict[tuple[int, str], list[Member]] = {}
        self.plain: dict[tuple[Kind, str], Kind] = {}  # attributes of what is not scanned
        self.elements: dict[tuple[Kind, int | None], Kind] = {}  # and elements
        self.current: Site | None = None  # what is being looked at
        self.options = {option for file in project.files for option in file.facts.options}
        self.settled = False  # every call that is known has been followed once
        self.under_way: set[Any] = set()
        # Calls in a region of what detectors want to see: function, line and column, with the names of what is called.
        self.met: dict[tuple[int, int, int], tuple[Call, set[str]]] = {}
        super().__init__(project)

    def activate(self, number: int, region: bool) -> Activation:
        """The activation of a function; a new one is queued."""
        act = self.acts.get((number, region))
        if act is None:
            function = self.project.functions[number]
            file = self.project.files[self.project.file_of[number]]
            act = Activation(number, region, function, file)
            self.acts[(number, region)] = act
            self.push(act)
        return act

    def push(self, act: Activation) -> None:
        """Look at it (again)."""
        if not act.queued and act.times < _OFTEN:
            act.queued = True
            (self.inside if act.region else self.outside).append(act)

    def again(self, site: Site) -> None:
        """Something it read has changed."""
        site.stale = True
        self.push(site.act)

    def hand(self, act: Activation, number: int, kind: Kind) -> None:
        """A call hands this in."""
        before = act.given[number]
        if before is not None and kind <= before:
            return
        after = kind if before is None else covered(narrow(before | kind))
        if after != before:
            act.given[number] = after
            self.again(act.head)

    def root(self, number: int, why: str, owner: int = -1) -> None:
        """A region begins at this function."""
        act = self.activate(number, True)
        act.root = act.root or why
        act.head.stale = True
        function = self.project.functions[number]
        if owner >= 0 and function.params and "s" not in function.flags:
            self.hand(act, 0, frozenset({("V", owner)}))

    def store(self, owner: int, name: str, kind: Kind) -> None:
        """An attribute of a class's instances gets a value."""
        key = (owner, name)
        before = self.attrs.get(key, NOTHING)
        if kind <= before:
            return
        after = narrow(before | kind)
        if after != before:
            self.attrs[key] = after
            for member in self.members_of.get(key, ()):
                member.kind = None
            for reader in self.attr_readers.get(key, ()):
                self.again(reader)

    def region(self) -> bool:
        """Whether what is being looked at is inside a region."""
        return self.current is not None and self.current.act.region

    def reads(self, act: Activation) -> None:
        """The current activation depends on what this one returns."""
        if self.current is not None:
            act.readers[self.current] = None

    def result(self, number: int, region: bool) -> tuple[Activation, Function]:
        """An activation whose result the current one reads."""
        act = self.activate(number, region)
        self.reads(act)
        return act, self.project.functions[number]
