"""What a person can do about a step that belongs outside of what is compiled: a clock, a file, a draw, a setting."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import libcst as cst

from g2.rewrite.model import Left, Proposal, Safety
from g2.rewrite.rule import Negative, Rule
from g2.rewrite.rules._advice import shown
from g2.rewrite.rules._imported import imported
from g2.rewrite.rules._kinds import dotted
from g2.rewrite.rules._layout import joined
from g2.rewrite.rules._names import nodes
from g2.rewrite.site import Site

_Advice = tuple[str, ...]
_LONG = 70


def propose(site: Site) -> Iterator[Proposal | Left]:
    if not site.target.mine:
        return  # what a person can do about a library stands in the report
    advice = _KINDS[site.target.reason](site)
    if advice:
        yield shown(*advice)


def _clock(site: Site) -> _Advice:
    call = _call(site)
    if call is None:
        return ()
    clock = site.piece.code(call)
    return (
        "take the time around the compiled call: inside, a graph has its operations in another order",
        f"start = {clock}",
        f"result = {_compiled(site)}(...)  # on a GPU, torch.cuda.synchronize() behind it",
        f"seconds = {clock} - start",
    )


def _file(site: Site) -> _Advice:
    call = _call(site)
    if call is None:
        return ()
    text, name = _short(site, call), _name(site, call)
    asks = isinstance(site.piece.parent(call), (cst.If, cst.BooleanOperation, cst.Comparison, cst.IfExp))
    if name or asks:
        name = name or "found"
        return (
            "ask the system before the compiled call, and hand over the answer",
            f"{name} = {text}  # once, before the loop, where it stays the same",
            f"{_compiled(site)}(..., {name})",
        )
    return (
        "return what is to be written from the compiled function, and write it behind the call",
        f"result, kept = {_compiled(site)}(...)",
        f"{text}  # with `kept` in place of what is computed inside",
    )


def _draw(site: Site) -> _Advice:
    call = _call(site)
    if call is None or not imported(site.source, call.func).startswith(("random.", "numpy.random.")):
        return ()
    name = _name(site, call) or "drawn"
    return (
        "draw before the compiled call and hand the number over: the same stream, in the same order",
        f"{name} = {_short(site, call)}",
        f"{_compiled(site)}(..., {name})  # as a tensor, torch.tensor({name}), when it takes many values",
    )


def _random_state(site: Site) -> _Advice:
    call = _call(site)
    if call is None:
        return ()
    if isinstance(site.piece.parent(call), cst.WithItem):
        return _context(site)
    if any(one.keyword is not None and one.keyword.value == "generator" for one in call.args):
        return (
            "draw with the generator before the compiled call, and hand over what was drawn",
            f"noise = {_short(site, call)}",
            f"{_compiled(site)}(..., noise)",
        )
    name = _name(site, call)
    return (
        "set the random state before the compiled call, and not in it",
        f"{name} = {_short(site, call)}" if name else _short(site, call),
        f"{_compiled(site)}(...)",
    )


def _context(site: Site) -> _Advice:
    found = next((one for one in (site.node, *site.piece.ancestors(site.node)) if isinstance(one, cst.With)), None)
    if found is None:
        return ()
    entered = ", ".join(joined(site.piece.code(item.item)) for item in found.items)
    if len(entered) > _LONG or "self." in entered:
        return ()
    return (
        "enter the context around the compiled call",
        f"with {entered}:",
        f"    result = {_compiled(site)}(...)",
    )


def _storage(site: Site) -> _Advice:
    call = _call(site)
    if call is not None and isinstance(call.func, cst.Attribute):
        owner, method = joined(site.piece.code(call.func.value)), call.func.attr.value
        given = ", ".join(joined(site.piece.code(one)) for one in call.args)
        if method == "resize_":
            return (
                f"go on with another tensor instead of a `{owner}` of another size",
                f"{owner} = {owner}.flatten()[:n].view({given})  # smaller: n elements; larger: {owner}.new_empty(...)",
            )
        if method == "set_":
            return f"go on with the other tensor under the name `{owner}`", f"{owner} = {given}"
    assign = next((one for one in (site.node, *site.piece.ancestors(site.node)) if isinstance(one, cst.Assign)), None)
    target = assign.targets[0].target if assign is not None else None
    if assign is None or not isinstance(target, cst.Attribute) or target.attr.value != "data":
        return ()
    owner, value = joined(site.piece.code(target.value)), joined(site.piece.code(assign.value))
    if "." not in owner:
        return f"give the name `{owner}` the new tensor", f"{owner} = ({value}).detach()"
    return (
        f"write the numbers into the memory that `{owner}` has, where shape and dtype stay the same",
        "with torch.no_grad():",
        f"    {owner}.copy_({value})",
    )


def _order(site: Site) -> _Advice:
    call = _call(site)
    if call is None or dotted(call.func) not in ("sorted", "min", "max") or not call.args:
        return ()
    several = _short(site, call.args[0].value)
    wanted = {"sorted": "sort().values", "min": "min()", "max": "max()"}[dotted(call.func)]
    return (
        "put the values into one tensor, and let torch order them",
        f"values = torch.stack(list({several}))",
        f"values.{wanted}  # or values.argsort(), to put other tensors in that order",
    )


_KINDS: dict[str, Callable[[Site], _Advice]] = {
    "clock-read": _clock,
    "context-manager": _context,
    "file-or-environment": _file,
    "numpy-random": _draw,
    "python-random": _draw,
    "random-state": _random_state,
    "storage-change": _storage,
    "tensor-order": _order,
    "thread-state": _context,
}


def _call(site: Site) -> cst.Call | None:
    """The call at the place, or the first one in the expression or simple statement there."""
    for node in (site.node, *site.piece.ancestors(site.node)):
        if isinstance(node, cst.Call):
            return node
        if isinstance(node, cst.BaseCompoundStatement):
            break
        found = next((one for one in nodes(node) if isinstance(one, cst.Call)), None)
        if found is not None:
            return found
    return None


def _name(site: Site, call: cst.Call) -> str:
    """The name that the result is given."""
    above = site.piece.parent(call)
    if isinstance(above, cst.Assign) and len(above.targets) == 1 and isinstance(above.targets[0].target, cst.Name):
        return above.targets[0].target.value
    return ""


def _short(site: Site, node: cst.CSTNode) -> str:
    text = joined(site.piece.code(node))
    return text if len(text) <= _LONG else f"{text[: _LONG - 3]}..."


def _compiled(site: Site) -> str:
    """What a person calls: the outermost compiled function, a module as `model`."""
    roots = {one.name for one in site.session.roots}
    called = [one.function for one in (site.place.stack if site.place is not None else ())]
    name = next((one for one in called if one in roots), site.target.function)
    owner, _, last = name.rpartition(".")
    return "model" if owner and last in ("forward", "__call__") else last


RULE = Rule(
    title="advice for what belongs outside of the compiled function",
    answers=(
        "clock-read",
        "context-manager",
        "file-or-environment",
        "numpy-random",
        "python-random",
        "random-state",
        "storage-change",
        "tensor-order",
        "thread-state",
    ),
    legal="Nothing is rewritten: who calls the compiled function would have to be changed with it, or what it does for "
    "other threads and files. The names are those of the place.",
    safety=Safety.SHOW,
    propose=propose,
    rank=90,
    examples=(),
    negatives=(
        Negative(
            "a clock in a module's forward",
            """
            import time

            import torch

            class Net(torch.nn.Module):
                def forward(self, x):
                    self.started = time.perf_counter()
                    return x * 2

            Net()(torch.ones(3))
            """,
        ),
        Negative(
            "a lock that other threads take too",
            """
            import threading

            import torch

            lock = threading.Lock()

            @torch.compile
            def step(x):
                with lock:
                    y = x * 2
                return y + 1

            step(torch.ones(3))
            """,
        ),
        Negative(
            "a file is asked for at every call",
            """
            import os

            import torch

            @torch.compile
            def step(x):
                if os.path.exists("scale.txt"):
                    x = x * 2
                return x + 1

            step(torch.ones(3))
            """,
        ),
    ),
)
