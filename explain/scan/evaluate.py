"""What values are in an activation: terms evaluated, attributes and elements of what is scanned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from g2.explain.scan import operate
from g2.explain.scan.activation import Activation
from g2.explain.scan.linked import OVERRIDES
from g2.explain.scan.state import Member, State
from g2.explain.scan.values import (
    NOTHING,
    NUMBER,
    OTHER,
    TENSORS,
    UNKNOWN,
    Kind,
    Value,
    compared,
    instance,
    narrow,
    operated,
    ordered,
    several,
)

_NONE = frozenset({"N"})
_OURS = frozenset("CVKM")
_INSTANCES = frozenset("CV")


class Evaluation(State):
    """Values by activation."""

    def variable(self, file: int, value: Value, rest: list[str]) -> Kind:
        """A variable of a module's body, as far as that has been looked at."""
        act = self.activate(self.project.files[file].functions, False)
        self.reads(act)
        key = (file, *rest, value)
        if key in self.under_way:
            return NOTHING  # `x = x or 1`: what it holds otherwise is among the alternatives
        self.under_way.add(key)
        try:
            return self.rest(self.value(value, act), rest)
        finally:
            self.under_way.discard(key)

    def value(self, value: Value, act: Activation) -> Kind:
        """What a value is in this activation."""
        if isinstance(value, frozenset):
            return value
        tag = value[0]
        # A default or an annotation may name a parameter or a call of the function around this one.
        if tag == "p":
            return act.params[value[1]] if value[1] < len(act.params) else UNKNOWN
        if tag == "c":
            return act.results[value[1]] if value[1] < len(act.results) else NOTHING
        if len(value) == 1:
            return self._alone(tag, act)
        inner: Any = value[1]
        if tag == ".":
            return self.attribute(inner if isinstance(inner, frozenset) else self.value(inner, act), value[2])
        if tag == "g":
            found = self.globals.get((act.file.functions, inner))
            return found if isinstance(found, frozenset) else self.named(act.file, inner)
        match tag:
            case "e":
                return self.element(self.value(inner, act))
            case "u":
                return self.element(self.value(inner, act), value[2])
            case "|":
                return operated(self.values(value[1:], act))
            case "<":
                return compared([operated(self.values(value[1:], act))])
            case "j":
                return operate.union(*self.values(value[1:], act))
            case "!":
                return self.value(inner, act) - _NONE
            case "-":
                return self.value(inner, act) - TENSORS - {"~"} or OTHER
            case "f" | "k":
                return self.static(act.file, value)
            case "T":
                return narrow(frozenset({("T", tuple(self.values(inner, act)))}))
            case "L" | "D" | "S":
                return narrow(frozenset({(tag, self.value(inner, act))}))
            case "a":
                return self._promise(self.value(inner, act))
            case "partial":
                return self.value(inner, act)
            case "*":
                return several(self.element(self.value(inner, act)))
            case _:
                return UNKNOWN

    def _alone(self, tag: str, act: Activation) -> Kind:
        """What the function itself is: where a region begins ("r"), a module's method ("m")."""
        if tag == "r":
            return instance("root") if act.root else NOTHING
        module = tag == "m" and act.owner >= 0 and self.modules[act.owner]
        return instance("module") if module and not act.function.name.endswith("__init__") else NOTHING

    def values(self, values: Iterable[Value], act: Activation) -> list[Kind]:
        """What each of these is."""
        value = self.value
        return [each if isinstance(each, frozenset) else value(each, act) for each in values]

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
        mine = [atom for atom in ordered(kind) if atom.__class__ is tuple and atom[0] in _INSTANCES]
        rest = kind.difference(mine) if mine else kind
        key = (rest, number)
        held = self.elements.get(key)
        if held is None:
            held = operate.element(rest) if number is None else operate.item(rest, number)
            self.elements[key] = held
        for atom in mine:
            held |= self._item(atom, number)
        return held

    def _item(self, atom: Any, number: int | None) -> Kind:
        found = self.find(atom, "__getitem__")
        if found:
            for method in found:
                self.reads(self.activate(method, self.region()))
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

    def attribute(self, kind: Kind, name: str) -> Kind:
        """What an attribute is."""
        out: frozenset[Any] = NOTHING
        mine = 0
        for atom in ordered(kind):
            if atom.__class__ is tuple and atom[0] in _OURS:
                found = self._of_instance(atom, name) if atom[0] != "M" else self._of_module(atom[1], name)
                if len(kind) == 1:
                    return found
                out |= found
                mine += 1
        if mine and mine == len(kind):
            return narrow(out)
        rest = kind if not mine else frozenset([a for a in kind if type(a) is not tuple or a[0] not in "CVKM"])
        held = self.plain.get((rest, name))
        if held is None:
            held = self.plain[rest, name] = operate.attribute(rest, name)
        return narrow(out | held) if out else held

    def _of_module(self, number: int, name: str) -> Kind:
        file = self.project.files[number]
        found = self.project.modules.get(f"{file.module}.{name}" if file.module else name)
        return frozenset({("M", found)}) if found is not None else narrow(self.named(file, "." + name))

    def _of_instance(self, atom: Any, name: str) -> Kind:
        member = self.members.get((atom, name))
        if member is None:
            member = self.members[atom, name] = self._member(atom, name)
        current = self.current
        if current is not None and member.keys and current not in member.readers:
            member.readers[current] = None
            for key in member.keys:
                self.attr_readers.setdefault(key, {})[current] = None
        kind = member.kind
        if kind is not None:
            return kind
        kind = narrow(self._properties(member) if member.methods else self._held(member))
        if member.lasting:
            member.kind = kind
        return kind

    def _member(self, atom: Any, name: str) -> Member:
        """Where it is looked for; that depends on the classes alone."""
        classes = self.project.classes
        if name == "apply" and atom[0] == "K" and "torch.autograd.Function" in self.hierarchy.outside[atom[1]]:
            return Member(atom, kind=frozenset({("Z", atom[1])}))
        methods = self.find(atom, name)
        if methods:
            flags = [self.project.functions[method].flags for method in methods]
            return Member(atom, methods, lasting=atom[0] == "K" or not any("p" in each for each in flags))
        order = self.hierarchy.orders[atom[1]]
        if atom[0] == "V":
            order = [*order, *self.hierarchy.children[atom[1]][:OVERRIDES]]
        member = Member(atom)
        for base in order:
            found = classes[base]
            if found.stored and name in found.stored:
                member.stored = True
                if atom[0] != "K":
                    member.steps.append((base, (base, name), None))
                    continue
            if found.fields and name in found.fields:
                value = found.fields[name]
                member.steps.append((base, (base, name), value))
                if not isinstance(value, frozenset):
                    member.lasting = False
        member.keys = [key for _, key, _ in member.steps]
        for key in member.keys:
            self.members_of.setdefault(key, []).append(member)
        if not member.steps and not member.stored:
            member.kind = NUMBER if name == "training" and self.modules[atom[1]] else UNKNOWN
        return member

    def _properties(self, member: Member) -> Kind:
        out: frozenset[Any] = NOTHING
        atom = member.atom
        for method in member.methods:
            flags = self.project.functions[method].flags
            if "p" in flags and atom[0] != "K":
                act = self.activate(method, self.region())
                self.reads(act)
                self.hand(act, 0, frozenset({atom}))
                out |= act.returns
            elif (atom[0] == "K" and "c" not in flags) or "s" in flags:
                out |= frozenset({("G", method)})
            else:
                out |= frozenset({("B", method, frozenset({atom}))})
        return out

    def _held(self, member: Member) -> Kind:
        """What methods store there, and what the body of the class says."""
        project = self.project
        out: frozenset[Any] = NOTHING
        for base, key, value in member.steps:
            file = project.files[project.file_of_class[base]]
            if value is None:
                for method in (project.classes[base].stored or {})[key[1]] if not member.begun else ():
                    number = file.functions + method
                    if (number, True) not in self.acts and (number, False) not in self.acts:
                        self.hand(self.activate(number, False), 0, frozenset({("V", base)}))
                out |= self.attrs.get(key, NOTHING)
                continue
            given = self.attrs.get(key, NOTHING)
            if given and given - UNKNOWN:
                value = given - UNKNOWN
            if isinstance(value, frozenset):
                out |= value
            else:
                body = self.activate(file.functions, False)
                self.reads(body)
                out |= self.value(value, body)
        member.begun = True
        return out if out or member.stored else NUMBER if self._trains(member) else UNKNOWN

    def _trains(self, member: Member) -> bool:
        return bool(member.keys) and member.keys[0][1] == "training" and self.modules[member.atom[1]]
