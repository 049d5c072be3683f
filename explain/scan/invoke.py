"""One call: what it reaches, what it hands in and what it gives back."""

from __future__ import annotations

from typing import Any

from g2.explain.scan import library, operate, tables
from g2.explain.scan.activation import Activation
from g2.explain.scan.arguments import Given, bind, fill, given_in
from g2.explain.scan.evaluate import Evaluation
from g2.explain.scan.facts import Call, Function
from g2.explain.scan.values import DOUBT, GUESSED, NOTHING, OTHER, TENSOR, TENSORS, UNKNOWN, Kind, narrow, ordered

_HOOKS = frozenset({"register_forward_hook", "register_forward_pre_hook"})


def invoke(engine: Evaluation, act: Activation, call: Call) -> Kind:
    """Evaluate a call of an activation; the kind of its result."""
    callee = call.callee
    tag = callee[0] if isinstance(callee, tuple) else ""
    if tag == "capture":
        return _capture(engine, act, call)
    given = given_in(engine, act, call)
    if tag == "m":
        return _method(engine, act, call, engine.value(callee[1], act), callee[2], given)
    if tag == "super":
        return _super(engine, act, call, callee[1], given)
    if tag == "compile":
        return _compile(engine, act, engine.value(callee[1], act))
    if tag == "passed":
        return _passed(engine, act, call, engine.value(callee[1], act))
    if tag == "partial":
        given.args = [engine.value(value, act) for value in callee[2]] + given.args
        given.keywords = {**{key: engine.value(value, act) for key, value in callee[3] if key}, **given.keywords}
        callee = callee[1]
    return apply(engine, act, call, engine.value(callee, act), given)


def _capture(engine: Evaluation, act: Activation, call: Call) -> Kind:
    number = act.file.functions + call.callee[1]
    function = engine.project.functions[number]
    values = engine.values(call.args, act)
    for region in (True, False):
        inner = engine.acts.get((number, region))
        if inner is None and region == act.region:
            inner = engine.activate(number, region)
            inner.via = inner.via or (act, call.line, call.column)
        if inner is not None:
            for offset, kind in enumerate(values):
                engine.hand(inner, len(function.params) + offset, kind)
    return NOTHING


def apply(engine: Evaluation, act: Activation, call: Call, callee: Kind, given: Given, depth: int = 0) -> Kind:
    """Call a value."""
    out: frozenset[Any] = NOTHING
    for atom in ordered(callee):
        if isinstance(atom, str):
            if atom in DOUBT:
                out |= frozenset({"?"})
            elif atom != "N":
                out |= UNKNOWN
            continue
        match atom[0]:
            case "G":
                out |= enter(engine, act, call, atom[1], given)
            case "B":
                out |= enter(engine, act, call, atom[1], given, atom[2])
            case "K":
                out |= _construct(engine, act, call, atom[1], given)
            case "C" | "V":
                out |= _instance(engine, act, call, atom, given)
            case "S" if depth < 4:
                result = apply(engine, act, call, atom[1], given, depth + 1)
                if given.args and result != given.args[0]:
                    again = Given([operate.union(given.args[0], result)])
                    result |= apply(engine, act, call, atom[1], again, depth + 1)
                out |= result
            case "Z":
                out |= _autograd(engine, act, call, atom, given)
            case "X":
                out |= outer(engine, act, call, atom[1], given)
            case "I":
                _meet(engine, act, call, atom[1])
                out |= library.called(atom[1])
            case "L" | "D" if depth < 4:
                out |= UNKNOWN
            case _:
                out |= UNKNOWN
    if not callee:
        return NOTHING
    if out == UNKNOWN and any(kind & TENSORS for kind in given.args[:1]):
        return frozenset({"t", "~", "?"})
    return narrow(out)


def _meet(engine: Evaluation, act: Activation, call: Call, name: str) -> None:
    """A call of something that detectors may want to know of."""
    if act.region and ("instance", name) in engine.table.names:
        key = (act.number, call.line, call.column)
        engine.met.setdefault(key, (call, set()))[1].add(name)


def outer(engine: Evaluation, act: Activation, call: Call, name: str, given: Given) -> Kind:
    """A function or class that is not scanned."""
    if name.startswith("torch."):
        found = library.function(name[6:])
        if found is not None:
            return found
    last = name.rpartition(".")[2]
    if last in {"getLogger", "get_logger"}:
        return frozenset({("I", "logging.Logger")})
    if last[:1].isupper():
        return frozenset({("I", name)})
    found = tables.BUILTINS.get(last) if name.startswith("builtins.") else None
    if found is not None:
        return found
    for kind in given.all():
        for atom in ordered(kind):
            if isinstance(atom, tuple) and atom[0] in "GB":
                _passed(engine, act, call, frozenset({atom}))
    return frozenset({"t", "~", "?"}) if any(kind & TENSORS for kind in given.args) else UNKNOWN


def enter(
    engine: Evaluation, act: Activation, call: Call, number: int, given: Given, first: Kind | None = None
) -> Kind:
    """Call a function of what is scanned."""
    function = engine.project.functions[number]
    mark = engine.marks[number]
    if "d" in mark:
        _meet(engine, act, call, "disabled")
    region = (act.region or "c" in mark) and "d" not in mark
    if function.flags.startswith("a"):
        region = False
    target, _ = engine.result(number, region)
    if target.via is None and region and act.region and number != act.number:
        target.via = (act, call.line, call.column)
    args = [first, *given.args] if first is not None else given.args
    bound = bind(engine, target, function, args, given)
    if function.decorators and region:
        _decorated(engine, act, call, function)
    simple = _simple(engine, target, function, bound)
    return simple if simple is not None else target.returns


def _decorated(engine: Evaluation, act: Activation, call: Call, function: Function) -> None:
    """A decorator's own inner functions run around the function."""
    for decorator in function.decorators:
        if isinstance(decorator, tuple):
            for atom in engine.static(act.file, decorator):
                if isinstance(atom, tuple) and atom[0] == "G":
                    outer_ = engine.project.functions[atom[1]]
                    start = engine.project.files[engine.project.file_of[atom[1]]].functions
                    for inner in outer_.inner:
                        around = engine.activate(start + inner, True)
                        around.via = around.via or (act, call.line, call.column)


def _simple(engine: Evaluation, target: Activation, function: Function, bound: list[Kind | None]) -> Kind | None:
    """What a function returns for these very arguments, when that depends on nothing else."""
    if function.calls or not isinstance(function.returns, tuple):
        return None
    params = target.params
    target.params = [kind if kind is not None else UNKNOWN for kind in bound] + [UNKNOWN] * len(function.captured)
    try:
        return engine.value(function.returns, target)
    finally:
        target.params = params


def _construct(engine: Evaluation, act: Activation, call: Call, number: int, given: Given) -> Kind:
    me = frozenset({("C", number)})
    found = engine.find(("C", number), "__init__")
    if not found:
        fill(engine, number, given)
    for method in found:
        function = engine.project.functions[method]
        target = engine.activate(method, act.region)
        if target.via is None and act.region:
            target.via = (act, call.line, call.column)
        bind(engine, target, function, [me, *given.args], given)
    return me


def _instance(engine: Evaluation, act: Activation, call: Call, atom: Any, given: Given) -> Kind:
    """Call an instance: a module's forward, else its __call__."""
    module = engine.modules[atom[1]]
    for name in ("forward", "__call__") if module else ("__call__",):
        found = engine.find(atom, name)
        if found:
            out: frozenset[Any] = NOTHING
            for number in found:
                out |= _run(engine, act, call, number, given, frozenset({atom}), name == "forward")
            return out
    if module:
        return GUESSED
    return UNKNOWN


def _run(engine: Evaluation, act: Activation, call: Call, number: int, given: Given, first: Kind, root: bool) -> Kind:
    """A module's forward begins a region when it is called outside of one."""
    if root and not act.region and "d" not in engine.marks[number]:
        target, function = engine.result(number, True)
        bind(engine, target, function, [first, *given.args], given)
        return target.returns
    return enter(engine, act, call, number, given, first)


def _method(engine: Evaluation, act: Activation, call: Call, receiver: Kind, name: str, given: Given) -> Kind:
    out: frozenset[Any] = NOTHING
    plain: set[Any] = set()
    if name in _HOOKS:
        for kind in given.args[:1]:
            for atom in ordered(kind):
                if isinstance(atom, tuple) and atom[0] in "GB":
                    engine.activate(atom[1], True)  # a hook runs in the compiled call
    for atom in ordered(receiver):
        if isinstance(atom, tuple) and atom[0] in "CVKM":
            found = engine.attribute(frozenset({atom}), name)
            out |= apply(engine, act, call, found, given)
        elif isinstance(atom, tuple) and atom[0] == "X":
            out |= outer(engine, act, call, f"{atom[1]}.{name}", given)
        else:
            plain.add(atom)
    if plain:
        args = [*given.args, *(kind for key, kind in given.keywords.items() if key == "dim")]
        out |= operate.method(frozenset(plain), name, args)
    return narrow(out)


def _autograd(engine: Evaluation, act: Activation, call: Call, atom: Any, given: Given) -> Kind:
    out: frozenset[Any] = NOTHING
    for number in engine.find(("C", atom[1]), "forward"):
        out |= enter(engine, act, call, number, given, OTHER)
    for number in engine.find(("C", atom[1]), "backward") if act.region else ():
        target, function = engine.result(number, True)
        target.via = target.via or (act, call.line, call.column)
        for position in range(len(function.params)):
            engine.hand(target, position, TENSOR if position else OTHER)
    return out or TENSOR


def _super(engine: Evaluation, act: Activation, call: Call, name: str, given: Given) -> Kind:
    owner = act.owner
    if owner < 0:
        return UNKNOWN
    me = act.params[0] if act.params else UNKNOWN
    if name == "__init__" and engine.modules[owner]:
        _meet(engine, act, call, "torch.nn.Module.__init__")
    for base in engine.hierarchy.orders[owner][1:]:
        methods = engine.project.classes[base].methods or {}
        if name in methods:
            number = engine.project.files[engine.project.file_of_class[base]].functions + methods[name]
            return enter(engine, act, call, number, given, me)
    return GUESSED if name == "forward" else UNKNOWN


def _compile(engine: Evaluation, act: Activation, kind: Kind) -> Kind:
    for atom in ordered(kind):
        if isinstance(atom, tuple) and atom[0] in "GB":
            if "d" not in engine.marks[atom[1]]:
                engine.root(atom[1], "given to torch.compile")
                if atom[0] == "B":
                    engine.hand(engine.activate(atom[1], True), 0, atom[2])
        elif isinstance(atom, tuple) and atom[0] in "CV":
            for number in engine.find(atom, "forward"):
                engine.root(number, "given to torch.compile", atom[1])
    return kind


def _passed(engine: Evaluation, act: Activation, call: Call, kind: Kind) -> Kind:
    """Functions handed to something that is not scanned are called there, with nobody knows what."""
    for atom in ordered(kind):
        if isinstance(atom, tuple) and atom[0] in "GB" and "d" not in engine.marks[atom[1]]:
            target = engine.activate(atom[1], act.region)
            if target.via is None and act.region:
                target.via = (act, call.line, call.column)
            if atom[0] == "B":
                engine.hand(target, 0, atom[2])
    return NOTHING
