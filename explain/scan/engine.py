"""Which functions can be inside a compiled region, and what their parameters hold there: a worklist over all calls.

Each function is held in at most two activations: one for calls inside of a compiled region and one for those outside, which
matter for what they hand in (`model = Net(8)`, `self.block = Block(8)`). What reaches a parameter is joined over all calls,
so the work is bounded: a function is looked at again only when one of its kinds has grown.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from g2.explain.scan import operate
from g2.explain.scan.detector import Table
from g2.explain.scan.facts import Call, Function
from g2.explain.scan.parameters import promised
from g2.explain.scan.project import File, Hierarchy, Project, entries, ordered
from g2.explain.scan.values import (
    NOTHING,
    OTHER,
    TENSORS,
    UNKNOWN,
    Kind,
    Value,
    compared,
    instance,
    narrow,
    operated,
    outside,
    several,
)

_DISABLED = frozenset({"torch.compiler.disable", "torch._dynamo.disable", "torch._disable_dynamo", "torch._dynamo.eval_frame.disable"})
_COMPILED = frozenset({"torch.compile", "torch._dynamo.optimize"})
_OVERRIDES = 24  # of one method, when a call on `self` may go to any subclass
_OFTEN = 40  # evaluations of one activation


@dataclass(slots=True)
class Activation:
    """A function, inside or outside of compiled regions."""

    number: int
    region: bool
    given: list[Kind | None]  # what calls hand in; None where none did
    params: list[Kind] = field(default_factory=list[Kind])
    results: list[Kind] = field(default_factory=list[Kind])
    returns: Kind = NOTHING
    readers: set[tuple[int, bool]] = field(default_factory=set[tuple[int, bool]])
    via: tuple[tuple[int, bool], int, int] | None = None  # the first call that led here: caller, line, column
    root: str = ""  # why it is compiled, when it is where a region begins
    queued: bool = False
    times: int = 0


class Engine:
    """The state of the worklist."""

    def __init__(self, project: Project, table: Table) -> None:
        self.project = project
        self.table = table
        self.acts: dict[tuple[int, bool], Activation] = {}
        self.queue: deque[Activation] = deque()
        self.attrs: dict[tuple[int, str], Kind] = {}
        self.attr_readers: dict[tuple[int, str], set[tuple[int, bool]]] = {}
        self.globals: dict[tuple[int, str], Any] = {}
        self.current: Activation | None = None
        self.options = {option for file in project.files for option in file.facts.options}
        self.settled = False  # every call that is known has been followed once
        self.under_way: set[Any] = set()
        self.met: dict[tuple[int, int, int], tuple[Call, set[str]]] = {}  # calls in a region that detectors want to see
        self.hierarchy = self._classes()
        self.marks = [self._mark(number) for number in range(len(project.functions))]

    # ---- what is there -----------------------------------------------------------------------------------------

    def _classes(self) -> Hierarchy:
        project = self.project
        self.hierarchy = Hierarchy([], [set() for _ in project.classes], [[] for _ in project.classes])
        bases: list[list[int]] = []
        for number, found in enumerate(project.classes):
            mine: list[int] = []
            for base in found.bases:
                for atom in self.static(project.files[project.file_of_class[number]], base):
                    if isinstance(atom, tuple) and atom[0] == "K":
                        mine.append(atom[1])
                    elif isinstance(atom, tuple) and atom[0] == "X":
                        self.hierarchy.outside[number].add(atom[1])
                if isinstance(base, tuple) and base[0] == "g":
                    self.hierarchy.outside[number].add(base[1].replace(":", "."))
            bases.append([base for base in mine if base != number])
        for number in range(len(project.classes)):
            order = ordered(number, bases)
            self.hierarchy.orders.append(order)
            for base in order[1:]:
                self.hierarchy.children[base].append(number)
        own = [set(names) for names in self.hierarchy.outside]
        for number, order in enumerate(self.hierarchy.orders):
            for base in order[1:]:
                self.hierarchy.outside[number] |= own[base]
        self.modules = [self.hierarchy.is_module(number, project.classes) for number in range(len(project.classes))]
        return self.hierarchy

    def _mark(self, number: int) -> str:
        """"d" where a decorator keeps Dynamo out, "c" where one compiles."""
        out = ""
        for decorator in self.project.functions[number].decorators:
            if isinstance(decorator, frozenset):
                for atom in decorator:
                    if isinstance(atom, tuple) and atom[0] == "X":
                        out += "d" if atom[1] in _DISABLED else "c" if atom[1] in _COMPILED else ""
            elif decorator[0] == "g" and decorator[1].replace(":", ".").rpartition(".")[2] in {"disable", "disable_dynamo", "torch_compile_disable"}:
                out += "d"
        return out

    def static(self, file: File, value: Value) -> Kind:
        """What a value is that needs no activation: a class, a function, a module's name."""
        if isinstance(value, frozenset):
            return value
        match value[0]:
            case "g":
                return self.named(file, value[1])
            case "k":
                return frozenset({("K", file.classes + value[1])})
            case "f":
                return frozenset({("G", file.functions + value[1])})
            case "e":
                return self.static(file, value[1])  # Generic[T]
            case _:
                return UNKNOWN

    def named(self, file: File, name: str, depth: int = 0) -> Kind:
        """What a global holds, by its dotted name as this file reads it."""
        key = (file.functions, name)
        found = self.globals.get(key)
        if found is None:
            self.globals[key] = UNKNOWN  # for names that lead to themselves
            found = self._named(file, name, depth)
            self.globals[key] = found
        if isinstance(found, frozenset):
            return found
        return self._variable(*found)

    def _named(self, file: File, name: str, depth: int) -> Any:
        if depth > 12:
            return UNKNOWN
        split = self.project.split(file, name)
        if split is None:
            return outside(self.project.absolute(file, name).replace(":", ".").lstrip("."))
        number, rest = split
        target = self.project.files[number]
        if not rest:
            return frozenset({("M", number)})
        value = target.facts.names.get(rest[0])
        if value is None:
            for star in target.facts.stars:
                found = self.named(target, f"{star}:{rest[0]}", depth + 1)
                if any(isinstance(atom, tuple) and atom[0] in "GKM" for atom in found):
                    return self._rest(found, rest[1:])
            return outside(self.project.absolute(file, name).replace(":", ".").lstrip("."))
        if isinstance(value, tuple) and value[0] == "g":
            return self.named(target, ".".join([value[1], *rest[1:]]), depth + 1)
        if isinstance(value, tuple) and value[0] in {"f", "k"}:
            return self._rest(self.static(target, value), rest[1:])
        if isinstance(value, frozenset):
            return self._rest(value, rest[1:])
        return (number, value, rest[1:])

    def _variable(self, file: int, value: Value, rest: list[str]) -> Kind:
        """A variable of a module's body, as far as that has been looked at."""
        act = self.activate(self.project.files[file].functions, False)
        if self.current is not None:
            act.readers.add((self.current.number, self.current.region))
        key = (file, *rest, value)
        if key in self.under_way:
            return NOTHING  # `x = x or 1`: what it holds otherwise is among the alternatives
        self.under_way.add(key)
        try:
            return self._rest(self.value(value, act), rest)
        finally:
            self.under_way.discard(key)

    def _rest(self, kind: Kind, rest: list[str]) -> Kind:
        for name in rest:
            kind = self.attribute(kind, name)
        return kind

    # ---- activations -------------------------------------------------------------------------------------------

    def activate(self, number: int, region: bool) -> Activation:
        """The activation of a function; a new one is queued."""
        act = self.acts.get((number, region))
        if act is None:
            function = self.project.functions[number]
            act = Activation(number, region, [None] * (len(function.params) + len(function.captured)))
            self.acts[(number, region)] = act
            self.push(act)
        return act

    def push(self, act: Activation) -> None:
        """Look at it (again)."""
        if not act.queued and act.times < _OFTEN:
            act.queued = True
            self.queue.append(act)

    def hand(self, act: Activation, number: int, kind: Kind) -> None:
        """A call hands this in."""
        before = act.given[number]
        after = kind if before is None else narrow(before | kind)
        if after != before:
            act.given[number] = after
            self.push(act)

    def root(self, number: int, why: str, owner: int = -1) -> None:
        """A region begins at this function."""
        act = self.activate(number, True)
        act.root = act.root or why
        function = self.project.functions[number]
        if owner >= 0 and function.params and "s" not in function.flags:
            self.hand(act, 0, frozenset({("V", owner)}))

    def roots(self) -> None:
        """Begin everywhere a region does."""
        project = self.project
        for number, found in enumerate(project.classes):
            if not self.modules[number]:
                continue
            methods = found.methods or {}
            start = project.files[project.file_of_class[number]].functions
            for entry in entries(self.hierarchy.is_lightning(number)):
                if entry in methods and "d" not in self.marks[start + methods[entry]]:
                    self.root(start + methods[entry], "a module's " + entry, number)
            if "__init__" in methods:
                act = self.activate(start + methods["__init__"], False)
                self.hand(act, 0, frozenset({("V", number)}))
        for file in project.files:
            self.activate(file.functions, False)
        for number, mark in enumerate(self.marks):
            if "c" in mark and "d" not in mark:
                self.root(number, "compiled by a decorator")

    def run(self) -> None:
        """Look at everything until nothing changes."""
        self.roots()
        self._drain()
        self.settled = True
        for act in list(self.acts.values()):
            if None in act.given:
                self.push(act)
        self._drain()
        # What places need is read as well: that may be an attribute or a property that nothing else reads.
        for act in list(self.acts.values()):
            if act.region:
                self.current = act
                for place in self.project.functions[act.number].places:
                    for value, _ in place[4]:
                        self.value(value, act)
        self._drain()
        self.current = None

    def _drain(self) -> None:
        while self.queue:
            act = self.queue.popleft()
            act.queued = False
            act.times += 1
            self.current = act
            with suppress(RecursionError):
                self.look(act)

    def look(self, act: Activation) -> None:
        """Evaluate one activation's calls, what it stores and what it returns."""
        from g2.explain.scan.invoke import invoke

        project = self.project
        function = project.functions[act.number]
        owner_module = function.owner >= 0 and self.modules[self.owner(act.number)]
        act.params = promised(self, act, function, owner_module)
        if len(act.results) != len(function.calls):
            act.results = [NOTHING] * len(function.calls)
        for number, call in enumerate(function.calls):
            act.results[number] = invoke(self, act, call)
        if function.owner >= 0:
            for name, value in function.stores:
                self.store(self.owner(act.number), name, self.value(value, act))
        returns = narrow(act.returns | self.value(function.returns, act))
        if returns != act.returns:
            act.returns = returns
            for reader in act.readers:
                self.push(self.acts[reader])

    def owner(self, number: int) -> int:
        """The class of a method."""
        return self.project.files[self.project.file_of[number]].classes + self.project.functions[number].owner

    def store(self, owner: int, name: str, kind: Kind) -> None:
        """An attribute of a class's instances gets a value."""
        key = (owner, name)
        before = self.attrs.get(key, NOTHING)
        after = narrow(before | kind)
        if after != before:
            self.attrs[key] = after
            for reader in self.attr_readers.get(key, ()):
                self.push(self.acts[reader])

    # ---- values ------------------------------------------------------------------------------------------------

    def value(self, value: Value, act: Activation) -> Kind:
        """What a value is in this activation."""
        if isinstance(value, frozenset):
            return value
        match value[0]:
            case "p":
                return act.params[value[1]] if value[1] < len(act.params) else UNKNOWN
            case "c":
                return act.results[value[1]] if value[1] < len(act.results) else NOTHING
            case "g":
                return self.named(self.project.files[self.project.file_of[act.number]], value[1])
            case ".":
                return self.attribute(self.value(value[1], act), value[2])
            case "e":
                return self.element(self.value(value[1], act))
            case "u":
                return self.element(self.value(value[1], act), value[2])
            case "|":
                return operated([self.value(each, act) for each in value[1:]])
            case "<":
                return compared([operated([self.value(each, act) for each in value[1:]])])
            case "j":
                return operate.union(*[self.value(each, act) for each in value[1:]])
            case "!":
                return self.value(value[1], act) - {"N"}
            case "-":
                return self.value(value[1], act) - TENSORS - {"~"} or OTHER
            case "f" | "k":
                return self.static(self.project.files[self.project.file_of[act.number]], value)
            case "T":
                return narrow(frozenset({("T", tuple([self.value(each, act) for each in value[1]]))}))
            case "L" | "D" | "S":
                return narrow(frozenset({(value[0], self.value(value[1], act))}))
            case "a":
                return self._promise(self.value(value[1], act))
            case "partial":
                return self.value(value[1], act)
            case "r":
                return instance("root") if act.root else NOTHING
            case "m":
                function = self.project.functions[act.number]
                module = function.owner >= 0 and self.modules[self.owner(act.number)]
                return instance("module") if module and not function.name.endswith("__init__") else NOTHING
            case "*":
                return several(self.element(self.value(value[1], act)))
            case _:
                return UNKNOWN

    def _promise(self, kind: Kind) -> Kind:
        out: frozenset[Any] = NOTHING
        for atom in kind:
            if isinstance(atom, tuple) and atom[0] == "K":
                out |= frozenset({("V", atom[1])})
            elif isinstance(atom, tuple) and atom[0] == "X":
                out |= instance(atom[1])
            else:
                out |= UNKNOWN
        return out

    def element(self, kind: Kind, number: int | None = None) -> Kind:
        """What an element is; instances of what is scanned are asked for their __getitem__."""
        out: frozenset[Any] = NOTHING
        plain: set[Any] = set()
        for atom in kind:
            if isinstance(atom, tuple) and atom[0] in "CV":
                out |= self._item(atom, number)
            else:
                plain.add(atom)
        rest = frozenset(plain)
        return out | (operate.element(rest) if number is None else operate.item(rest, number))

    def _item(self, atom: Any, number: int | None) -> Kind:
        found = self.find(atom, "__getitem__")
        if found:
            for method in found:
                self._reads(self.activate(method, self.region()))
            return operate.union(*[self.activate(method, self.region()).returns for method in found])
        if number is not None:
            names = list(self.project.classes[atom[1]].fields or ())
            if -len(names) <= number < len(names):
                return self._of_instance(atom, names[number])
        return UNKNOWN

    def bases(self, kind: Kind) -> Kind:
        """The kind, and of instances of what is scanned also the classes outside that they derive from."""
        more = {
            ("I", name)
            for atom in kind
            if isinstance(atom, tuple) and atom[0] in "CV"
            for name in (*self.hierarchy.outside[atom[1]], *(("module",) if self.modules[atom[1]] else ()))
        }
        if not more:
            return kind
        return frozenset(atom for atom in kind if isinstance(atom, str) or atom[0] not in "CV") | more

    def region(self) -> bool:
        """Whether what is being looked at is inside a region."""
        return self.current is not None and self.current.region

    def attribute(self, kind: Kind, name: str) -> Kind:
        """What an attribute is."""
        out: frozenset[Any] = NOTHING
        plain: set[Any] = set()
        for atom in kind:
            if isinstance(atom, tuple) and atom[0] in "CVKM":
                out |= self._of_instance(atom, name) if atom[0] != "M" else self._of_module(atom[1], name)
            else:
                plain.add(atom)
        if not plain:
            return narrow(out)
        return narrow(out | operate.attribute(frozenset(plain), name))

    def _of_module(self, number: int, name: str) -> Kind:
        file = self.project.files[number]
        found = self.project.modules.get(f"{file.module}.{name}" if file.module else name)
        return frozenset({("M", found)}) if found is not None else self.named(file, "." + name)

    def find(self, atom: Any, name: str) -> list[int]:
        """The functions that a method's name may mean for an instance: its own, and for "V" those of subclasses."""
        classes = self.project.classes
        out: list[int] = []
        for base in self.hierarchy.orders[atom[1]]:
            methods = classes[base].methods or {}
            if name in methods:
                out.append(self.project.files[self.project.file_of_class[base]].functions + methods[name])
                break
        if atom[0] == "V":
            more: list[int] = []
            for child in self.hierarchy.children[atom[1]]:
                methods = classes[child].methods or {}
                if name in methods:
                    more.append(self.project.files[self.project.file_of_class[child]].functions + methods[name])
                    if len(more) > _OVERRIDES:
                        return out
            out += more
        return out

    def _of_instance(self, atom: Any, name: str) -> Kind:
        classes = self.project.classes
        methods = self.find(atom, name)
        if name == "apply" and atom[0] == "K" and "torch.autograd.Function" in self.hierarchy.outside[atom[1]]:
            return frozenset({("Z", atom[1])})
        if methods:
            out: frozenset[Any] = NOTHING
            for method in methods:
                function = self.project.functions[method]
                if "p" in function.flags and atom[0] != "K":
                    act = self.activate(method, self.region())
                    self._reads(act)
                    self.hand(act, 0, frozenset({atom}))
                    out |= act.returns
                elif atom[0] == "K" and "c" not in function.flags:
                    out |= frozenset({("G", method)})
                elif "s" in function.flags:
                    out |= frozenset({("G", method)})
                else:
                    out |= frozenset({("B", method, frozenset({atom}))})
            return out
        out = NOTHING
        order = list(self.hierarchy.orders[atom[1]])
        if atom[0] == "V":
            order += self.hierarchy.children[atom[1]][:_OVERRIDES]
        for base in order:
            found = classes[base]
            file = self.project.files[self.project.file_of_class[base]]
            if found.stored and name in found.stored and atom[0] != "K":
                for method in found.stored[name]:
                    number = file.functions + method
                    if (number, True) not in self.acts and (number, False) not in self.acts:
                        act = self.activate(number, False)
                        self.hand(act, 0, frozenset({("V", base)}))
                if self.current is not None:
                    key = (self.current.number, self.current.region)
                    self.attr_readers.setdefault((base, name), set()).add(key)
                out |= self.attrs.get((base, name), NOTHING)
                if found.stored:
                    continue
            given = self.attrs.get((base, name), NOTHING)
            if found.fields and name in found.fields:
                if self.current is not None:
                    self.attr_readers.setdefault((base, name), set()).add((self.current.number, self.current.region))
                value = found.fields[name] if not given or not given - UNKNOWN else given - UNKNOWN
                body = self.activate(file.functions, False)
                out |= self.value(value, body) if not isinstance(value, frozenset) else value
        if not out and not any(name in (classes[base].stored or {}) for base in order):
            if self.modules[atom[1]]:
                return self._of_nn_module(atom, name)
            return UNKNOWN
        return narrow(out)

    def _of_nn_module(self, atom: Any, name: str) -> Kind:
        if name in {"training"}:
            return frozenset({"n"})
        if name in {"parameters", "named_parameters", "buffers", "named_buffers", "modules", "children"}:
            return UNKNOWN
        return UNKNOWN

    def _reads(self, act: Activation) -> None:
        if self.current is not None:
            act.readers.add((self.current.number, self.current.region))

    def result(self, number: int, region: bool) -> tuple[Activation, Function]:
        """An activation whose result the current one reads."""
        act = self.activate(number, region)
        self._reads(act)
        return act, self.project.functions[number]

