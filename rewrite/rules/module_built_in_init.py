"""A module that forward builds at its first call is built in __init__, lazily where its input's size is not known."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Rule
from g2.rewrite.rules._built_in_init_examples import EXAMPLES, NEGATIVES
from g2.rewrite.rules._kinds import dotted
from g2.rewrite.rules._torch_name import torch_names
from g2.rewrite.site import Site
from g2.rewrite.source import Source

# The input dimension whose size a lazy module reads at its first call, and the keyword of that size.
_LAZY = {
    "Linear": (-1, "in_features"),
    **{f"Conv{n}d": (1, "in_channels") for n in (1, 2, 3)},
    **{f"ConvTranspose{n}d": (1, "in_channels") for n in (1, 2, 3)},
    **{f"BatchNorm{n}d": (1, "num_features") for n in (1, 2, 3)},
    **{f"InstanceNorm{n}d": (1, "num_features") for n in (1, 2, 3)},
}


@dataclass(frozen=True, slots=True)
class _Built:
    """`if <self.name is not there>: self.name = <made>`."""

    condition: cst.If
    self: str
    name: str
    made: cst.BaseExpression


def _propose(site: Site) -> Iterator[Proposal | Left]:
    found = _built(site)
    if isinstance(found, Left):
        yield found
        return
    if found is None:
        return
    piece = site.piece
    made = found.made
    while isinstance(made, cst.Call) and isinstance(made.func, cst.Attribute) and made.func.attr.value == "to":
        made = made.func.value  # the device of an input: the module is moved with the others
    if not isinstance(made, cst.Call):
        yield Left("what is made is not one call")
        return
    function = piece.function
    parameters = [*function.params.params, *function.params.kwonly_params] if function else []
    bound = {n.id for n in _names(piece.source, function)} | {p.name.value for p in parameters} - {found.self}
    used = {n for arg in made.args for n in _read(piece.code(arg.value))}
    if not used & bound:
        code, how = piece.code(made), "is built in __init__"
        caveat = "its random numbers are drawn then, and whoever lists parameters before the first call sees its own"
    else:
        lazy = _lazy(site, made, bound)
        if lazy is None:
            yield Left("its sizes are known only at the first call")
            return
        code, how = lazy, "is made lazy: its input's size is read at the first call"
        caveat = "it has no values until the first call, and an optimizer made before then has its parameters too"
    edit = _into_init(site, found, code)
    if isinstance(edit, Left):
        yield edit
        return
    start, end = piece.bounds(found.condition)
    text = piece.source.text
    start = text.rfind("\n", 0, start) + 1
    end = text.find("\n", end) + 1 or len(text)
    yield Proposal(
        rule="",
        summary=f"{found.self}.{found.name} {how}",
        safety=Safety.ASK,
        files=(FileEdits(site.source.path, tuple(sorted((Edit(start, end, ""), edit)))),),
        caveat=f"`{found.self}.{found.name}` exists from the start: {caveat}",
        differs=frozenset({"random"}),
    )


def _built(site: Site) -> _Built | Left | None:
    piece = site.piece
    for node in (site.node, *piece.ancestors(site.node)):
        if not isinstance(node, cst.Assign):
            continue
        told = node.value.args if isinstance(node.value, cst.Call) else ()
        if any(arg.keyword is not None and arg.keyword.value == "requires_grad" for arg in told):
            return None
        target = node.targets[0].target
        if len(node.targets) != 1 or not isinstance(target, cst.Attribute) or not isinstance(target.value, cst.Name):
            return Left("a new one is made at each call, which is part of the result")
        block = piece.parent(piece.parent(node) or node)
        condition = piece.parent(block) if isinstance(block, cst.IndentedBlock) else None
        owner, name = target.value.value, target.attr.value
        if not isinstance(condition, cst.If) or not isinstance(block, cst.IndentedBlock):
            return Left(f"`{owner}.{name}` is made anew at each call, which is part of the result")
        test = piece.code(condition.test).replace("'", '"')
        missing = (f"{owner}.{name} is None", f'not hasattr({owner}, "{name}")')
        above = piece.parent(condition)
        chained = isinstance(above, cst.If) and above.orelse is condition
        if test not in missing or condition.orelse is not None or chained or len(block.body) != 1:
            return Left(f"more depends on whether `{owner}.{name}` is there")
        return _Built(condition, owner, name, node.value)
    return None


def _lazy(site: Site, made: cst.Call, bound: set[str]) -> str | None:
    """The lazy module's call, when its first size is that of an input and all others are known in __init__."""
    known = torch_names(site.source).dotted(dotted(made.func))
    kind = known.rpartition(".")[2]
    if known not in (f"torch.nn.{kind}", f"nn.{kind}") or kind not in _LAZY:
        return None
    dimension, keyword = _LAZY[kind]
    size, *rest = made.args
    if size.keyword is not None and size.keyword.value != keyword:
        return None
    code = site.piece.code(size.value).replace(" ", "")
    if not any(code.endswith(end) for end in (f".shape[{dimension}]", f".size({dimension})")):
        return None
    if any(_read(site.piece.code(arg.value)) & bound for arg in rest):
        return None
    function = site.piece.code(made.func)
    head = function[: len(function) - len(kind)]
    return f"{head}Lazy{kind}({', '.join(site.piece.code(arg) for arg in rest)})".replace(",)", ")")


def _names(source: Source, function: cst.FunctionDef | None) -> list[ast.Name]:
    """Names that functions of this name bind in the file."""
    if function is None:
        return []
    found = [n for n in ast.walk(source.tree) if isinstance(n, ast.FunctionDef) and n.name == function.name.value]
    return [n for one in found for n in ast.walk(one) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]


def _read(code: str) -> set[str]:
    return {n.id for n in ast.walk(ast.parse(code, mode="eval")) if isinstance(n, ast.Name)}


def _into_init(site: Site, found: _Built, code: str) -> Edit | Left:
    """The edit of the class's __init__: where it says None, else behind its last statement."""
    source = site.source
    line = site.piece.span(found.condition).line
    classes = [n for n in ast.walk(source.tree) if isinstance(n, ast.ClassDef)]
    around = [n for n in classes if n.lineno <= line <= (n.end_lineno or 0)]
    if not around:
        return Left("it is in no class")
    owner = max(around, key=lambda n: n.lineno)
    init = next((n for n in owner.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    if init is None or init.args.args[0].arg != found.self:
        return Left(f"{owner.name} has no __init__ of its own")
    for node in ast.walk(init):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == f"{found.self}.{found.name}":
            value = node.value
            if len(node.targets) > 1 or not isinstance(value, ast.Constant) or value.value is not None:
                return Left(f"__init__ gives `{found.self}.{found.name}` another value")
            start = source.offset(value.lineno, source.characters(value.lineno, value.col_offset))
            return Edit(start, start + len("None"), code)
    last = init.body[-1]
    text = source.line(last.lineno)
    if isinstance(last, ast.Return) or last.lineno == init.lineno:
        return Left("__init__ has no plain end")
    indent = text[: len(text) - len(text.lstrip())]
    at = source.offset((last.end_lineno or last.lineno) + 1, 0)
    return Edit(at, at, f"{indent}{found.self}.{found.name} = {code}\n")


RULE = Rule(
    title="a module is built in __init__ instead of at the first call",
    answers=("module-built-in-forward",),
    legal="""
        `forward` makes an attribute of its object when it is not there yet, and does nothing else under that condition.
        When all that it is made of is known in `__init__` it moves there; when only its first size comes from an input,
        and torch has a lazy module of that kind, that one is used. ASK: parameters and random numbers come earlier.
        A module that is made anew at each call is left alone, since its values are part of the result.
        """,
    safety=Safety.ASK,
    propose=_propose,
    examples=EXAMPLES,
    negatives=NEGATIVES,
)
