"""Names across files: which function, class, module or variable a dotted name is; classes and what they derive from."""

from __future__ import annotations

from typing import Any

from g2.explain.scan.project import File, Hierarchy, Project, ordered
from g2.explain.scan.values import UNKNOWN, Kind, Value, outside

_DISABLED = frozenset(
    {"torch.compiler.disable", "torch._dynamo.disable", "torch._disable_dynamo", "torch._dynamo.eval_frame.disable"}
)
_DISABLES = frozenset({"disable", "disable_dynamo", "torch_compile_disable"})
OVERRIDES = 24  # of one method, when a call on `self` may go to any subclass
_COMPILED = frozenset({"torch.compile", "torch._dynamo.optimize"})


class Linked:
    """All files of a project, linked by their names."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.found: dict[Any, list[int]] = {}
        self.defining: dict[str, dict[int, int]] = {}  # of a method's name: classes with one, and which function it is
        for each, owner in enumerate(project.classes):
            start = project.files[project.file_of_class[each]].functions
            for name, method in (owner.methods or {}).items():
                self.defining.setdefault(name, {})[each] = start + method
        self.globals: dict[tuple[int, str], Any] = {}
        self.hierarchy = self._classes()
        self.marks = [self._mark(number) for number in range(len(project.functions))]

    def variable(self, file: int, value: Value, rest: list[str]) -> Kind:
        """A variable of a module's body."""
        raise NotImplementedError

    def attribute(self, kind: Kind, name: str) -> Kind:
        """What an attribute is."""
        raise NotImplementedError

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
            bases.append([each for each in mine if each != number])
        for number in range(len(project.classes)):
            order = ordered(number, bases)
            self.hierarchy.orders.append(order)
            for above in order[1:]:
                self.hierarchy.children[above].append(number)
        own = [set(names) for names in self.hierarchy.outside]
        for number, order in enumerate(self.hierarchy.orders):
            for above in order[1:]:
                self.hierarchy.outside[number] |= own[above]
        self.modules = [self.hierarchy.is_module(number, project.classes) for number in range(len(project.classes))]
        return self.hierarchy

    def _mark(self, number: int) -> str:
        """ "d" where a decorator keeps Dynamo out, "c" where one compiles."""
        out = ""
        for decorator in self.project.functions[number].decorators:
            if isinstance(decorator, frozenset):
                for atom in decorator:
                    if isinstance(atom, tuple) and atom[0] == "X":
                        out += "d" if atom[1] in _DISABLED else "c" if atom[1] in _COMPILED else ""
            elif decorator[0] == "g" and decorator[1].replace(":", ".").rpartition(".")[2] in {
                "disable",
                "disable_dynamo",
                "torch_compile_disable",
            }:
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

    def named(self, file: File, name: str) -> Kind:
        """What a global holds, by its dotted name as this file reads it."""
        found = self._leads(file, name)
        return found if isinstance(found, frozenset) else self.variable(*found)

    def _leads(self, file: File, name: str, depth: int = 0) -> Any:
        """Where a dotted name leads: a kind, or a variable's file, its value there, and attributes of that."""
        key = (file.functions, name)
        found = self.globals.get(key)
        if found is None:
            self.globals[key] = UNKNOWN  # for names that lead to themselves
            found = self.globals[key] = self._named(file, name, depth)
        return found

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
                found = self._leads(target, f"{star}:{rest[0]}", depth + 1)
                if not isinstance(found, frozenset):
                    return (*found[:2], [*found[2], *rest[1:]])
                if any(isinstance(atom, tuple) and atom[0] in "GKM" for atom in found):
                    return self.rest(found, rest[1:])
            return outside(self.project.absolute(file, name).replace(":", ".").lstrip("."))
        if isinstance(value, tuple) and value[0] == "g":
            return self._leads(target, ".".join([value[1], *rest[1:]]), depth + 1)
        if isinstance(value, tuple) and value[0] in {"f", "k"}:
            return self.rest(self.static(target, value), rest[1:])
        if isinstance(value, frozenset):
            return self.rest(value, rest[1:])
        return (number, value, rest[1:])

    def rest(self, kind: Kind, rest: list[str]) -> Kind:
        """What attributes of it are, one after the other."""
        for name in rest:
            kind = self.attribute(kind, name)
        return kind

    def owner(self, number: int) -> int:
        """The class of a method."""
        return self.project.files[self.project.file_of[number]].classes + self.project.functions[number].owner

    def find(self, atom: Any, name: str) -> list[int]:
        """The functions that a method's name may mean for an instance: its own, and for "V" those of subclasses."""
        key = (*atom, name)
        found = self.found.get(key)
        if found is None:
            found = self.found[key] = self._find(atom, name)
        return found

    def _find(self, atom: Any, name: str) -> list[int]:
        defining = self.defining.get(name)
        if defining is None:
            return []
        orders = self.hierarchy.orders
        out: list[int] = []
        for base in orders[atom[1]]:
            if base in defining:
                out.append(defining[base])
                break
        if atom[0] == "V":
            more: list[int] = []
            children = self.hierarchy.children[atom[1]]
            if len(children) > len(defining):
                # Both go by the numbers of classes.
                found = [child for child in defining if child != atom[1] and atom[1] in orders[child]]
            else:
                found = [child for child in children if child in defining]
            for child in found:
                more.append(defining[child])
                if len(more) > OVERRIDES:
                    return out
            out += more
        return out
