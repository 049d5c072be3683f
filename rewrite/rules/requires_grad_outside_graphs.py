"""A tensor made in the function is told to require a gradient only where nothing is compiled."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Rule
from g2.rewrite.rules._names import bindings, nodes, scope
from g2.rewrite.rules._requires_grad_examples import EXAMPLES, NEGATIVES
from g2.rewrite.rules._torch_name import torch_names
from g2.rewrite.site import Site

_READS = {"grad", "retain_grad", "register_hook"}


def _propose(site: Site) -> Iterator[Proposal | Left]:
    piece, names = site.piece, torch_names(site.source)
    asking = f"{names.torch}.compiler.is_compiling()"
    function = scope(piece, site.node)
    found = _wish(site)
    if found is None:
        return
    wish, name = found
    if why := _seen(site, function, name):
        yield Left(why)
        return
    statement = piece.statement(wish)
    if isinstance(wish, cst.Arg):
        edits = [piece.replace(wish.value, _and(site, wish.value, asking))]
        what = name or "the tensor"
    elif not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
        yield Left("several statements share a line")
        return
    else:
        what = name
        rebinding = _rebinding(statement)
        if rebinding is not None:
            edits = _apart(site, statement, rebinding, asking)
        else:
            edits = [_guarded(site, statement, asking)]
    if not all(edits):
        yield Left("its result is used in a larger expression")
        return
    yield Proposal(
        rule="",
        summary="the tensor is told to require a gradient only outside of graphs",
        safety=Safety.ASK,
        files=(FileEdits(site.source.path, tuple(sorted(edits)), imports=names.imports),),
        caveat=f"in a compiled call `{what}` itself requires no gradient: gradients of parameters and inputs stay the "
        "same, but a result that depends on nothing else that requires one can't be differentiated",
        differs=frozenset({"no-grad-in-graphs"}),
    )


def _wish(site: Site) -> tuple[cst.CSTNode, str] | None:
    """What says that a tensor requires a gradient, and the tensor's name: an assignment to `requires_grad`, a call of
    `requires_grad_`, or the keyword of a function that makes a tensor.
    """
    for node in (site.node, *site.piece.ancestors(site.node)):
        if isinstance(node, cst.Call):
            if isinstance(node.func, cst.Attribute) and node.func.attr.value == "requires_grad_":
                return node, _bound_to(site, node)
            for arg in node.args:
                if arg.keyword is not None and arg.keyword.value == "requires_grad":
                    return arg, _bound_to(site, node)
        elif isinstance(node, cst.Assign):
            target = node.targets[0].target
            if len(node.targets) == 1 and isinstance(target, cst.Attribute) and target.attr.value == "requires_grad":
                return node, target.value.value if isinstance(target.value, cst.Name) else ""
        elif isinstance(node, cst.FunctionDef):
            return None
    return None


def _bound_to(site: Site, call: cst.Call) -> str:
    """The name of the tensor: what the method is called on, else what the value is assigned to."""
    function = call.func
    owner = function.value if isinstance(function, cst.Attribute) and function.attr.value == "requires_grad_" else None
    if isinstance(owner, cst.Name):
        return owner.value
    above = site.piece.parent(call)
    if isinstance(above, cst.Assign) and len(above.targets) == 1 and isinstance(above.targets[0].target, cst.Name):
        return above.targets[0].target.value
    return ""


def _seen(site: Site, function: cst.CSTNode, name: str) -> str | None:
    """Why somebody may see whether that tensor requires a gradient; None when only graphs do."""
    piece = site.piece
    if not name:
        return "the tensor has no name of its own"
    for node in nodes(function):
        if isinstance(node, cst.Attribute) and isinstance(node.value, cst.Name) and node.value.value == name:
            if node.attr.value in _READS:
                return f"`{name}.{node.attr.value}` is used"
        elif isinstance(node, cst.Call) and piece.code(node.func).endswith("autograd.grad"):
            return "gradients are computed in the function"
    start = piece.bounds(site.node)[0]
    before = [one for one in bindings(piece, function, name) if piece.bounds(one)[0] <= start]
    made = [piece.parent(piece.parent(one) or one) for one in before]
    if any(isinstance(piece.parent(one), cst.Param) for one in before) and len(before) == 1:
        return f"`{name}` is the caller's, who sees whether it requires a gradient"
    if not before or (isinstance(made[-1], cst.Assign) and isinstance(made[-1].value, cst.Name)):
        return f"`{name}` may be the caller's, who sees whether it requires a gradient"
    return None


def _and(site: Site, value: cst.BaseExpression, asking: str) -> str:
    code = site.piece.code(value)
    if code == "True":
        return f"not {asking}"
    wraps = isinstance(value, (cst.IfExp, cst.Lambda, cst.NamedExpr)) or (
        isinstance(value, cst.BooleanOperation) and isinstance(value.operator, cst.Or)
    )
    return f"({code}) and not {asking}" if wraps and not value.lpar else f"{code} and not {asking}"


def _guarded(site: Site, statement: cst.SimpleStatementLine, asking: str) -> Edit:
    """The statement under a condition: the one it is alone under, made narrower, or one of its own."""
    piece = site.piece
    block = piece.parent(statement)
    above = piece.parent(block) if isinstance(block, cst.IndentedBlock) and len(block.body) == 1 else None
    if isinstance(above, cst.If) and above.body is block and above.orelse is None:
        within = piece.parent(above)
        if not (isinstance(within, cst.If) and within.orelse is above):
            return piece.replace(above.test, _and(site, above.test, asking))
    code = piece.code(statement)
    return piece.replace(statement, f"if not {asking}:\n{_one_level(site)}{code}")


def _one_level(site: Site) -> str:
    text = site.piece.module.default_indent
    return text if text.strip() == "" and text else "    "


def _rebinding(statement: cst.SimpleStatementLine) -> cst.Assign | None:
    """`x = anything.requires_grad_()`; None for another statement."""
    line = statement.body[0]
    if not (isinstance(line, cst.Assign) and isinstance(line.value, cst.Call)):
        return None
    function = line.value.func
    return line if isinstance(function, cst.Attribute) and function.attr.value == "requires_grad_" else None


def _apart(site: Site, statement: cst.SimpleStatementLine, line: cst.Assign, asking: str) -> list[Edit]:
    piece = site.piece
    call = line.value
    assert isinstance(call, cst.Call) and isinstance(call.func, cst.Attribute)
    target = line.targets[0].target
    if len(line.targets) != 1 or not isinstance(target, cst.Name):
        return []
    name, made = target.value, piece.code(call.func.value)
    told = f"{name}.{piece.source.text[piece.bounds(call.func.attr)[0] : piece.bounds(call)[1]]}"
    if "\n" in made and call.func.value.lpar:
        made = f"({made})"
    if made == name:
        return [piece.replace(line, told), _guarded(site, statement, asking)][1:]
    guard = f"if not {asking}:\n{_one_level(site)}{told}"
    return [piece.replace(statement, f"{piece.code(statement).replace(piece.code(call), made, 1)}\n{guard}")]


RULE = Rule(
    title="requires_grad is set only outside of graphs",
    answers=("requires-grad-change", "module-built-in-forward"),
    legal="""
        The tensor is made in the function (it is no parameter of it, no other name's value), and neither its gradient
        nor a hook on it is used there. Outside of graphs nothing changes. In a graph the tensor itself requires no
        gradient, which parameters and inputs do not notice: ASK, since a result without any other dependency could not
        be differentiated, and reentrant checkpoints need one input that requires a gradient.
        """,
    safety=Safety.ASK,
    propose=_propose,
    examples=EXAMPLES,
    negatives=NEGATIVES,
)
