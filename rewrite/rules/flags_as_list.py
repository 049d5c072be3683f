"""A loop over a tensor of settings, kept on the module, that branches on each: over a list that is made once."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._branches import branch
from g2.rewrite.rules._kinds import dotted
from g2.rewrite.site import Site
from g2.rewrite.source import Source


def propose(site: Site) -> Iterator[Proposal | Left]:
    found = branch(site)
    if not isinstance(found, (cst.If, cst.IfExp)):
        return
    name = _asked(found.test)
    over = _looped(name, found, site) if name else None
    if over is None:
        return
    attribute = dotted(over)
    value = site.values.get(attribute)
    if value is None or value.kind != "tensor" or not attribute.startswith("self.") or attribute.count(".") != 1:
        yield Left(f"`{site.piece.code(over)}` is not a tensor that the module keeps")
        return
    if value.requires_grad:
        yield Left(f"`{attribute}` is a parameter, which training changes")
        return
    made = _made(site.source, attribute.partition(".")[2], site.span.line)
    if made is None:
        yield Left(f"`{attribute}` is not made in the class's own __init__ alone")
        return
    offset, margin = made
    new = site.piece.fresh(f"{attribute.partition('.')[2]}_list")
    line = f"\n{margin}self.{new} = {attribute}.tolist()"
    edits = (Edit(offset, offset, line), site.piece.replace(over, f"self.{new}"))
    yield Proposal(
        rule="",
        summary="the loop goes over a Python list, made once in __init__",
        safety=Safety.ASK,
        files=(FileEdits(site.source.path, tuple(sorted(edits))),),
        caveat=f"The loop does not see a change of {attribute} after __init__, by loading a state or by hand, and an "
        "object that was pickled before has no such list.",
        differs=frozenset({f"kept:{attribute.partition('.')[2]}"}),
    )


def _asked(test: cst.BaseExpression) -> str:
    """The name whose truth, or equality with a constant, is asked."""
    while isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        test = test.expression
    if isinstance(test, cst.Comparison) and len(test.comparisons) == 1:
        if not isinstance(test.comparisons[0].comparator, (cst.Integer, cst.Float, cst.UnaryOperation)):
            return ""
        test = test.left
    return test.value if isinstance(test, cst.Name) else ""


def _looped(name: str, found: cst.CSTNode, site: Site) -> cst.BaseExpression | None:
    """What a loop goes over that gives the name its values: directly, in enumerate() or in zip()."""
    for above in site.piece.ancestors(found):
        if isinstance(above, cst.For):
            target, values = above.target, above.iter
            names: cst.BaseExpression = target
            if isinstance(values, cst.Call) and isinstance(values.func, cst.Name) and isinstance(target, cst.Tuple):
                parts: list[cst.BaseExpression] = [element.value for element in target.elements]
                called, given = values.func.value, [argument.value for argument in values.args]
                if called == "enumerate" and len(parts) == 2 and given:
                    names, values = parts[1], given[0]
                elif called == "zip" and len(parts) == len(given):
                    places = [index for index, part in enumerate(parts) if dotted(part) == name]
                    if len(places) != 1:
                        continue
                    names, values = parts[places[0]], given[places[0]]
            if dotted(names) == name:
                return values
    return None


def _made(source: Source, attribute: str, line: int) -> tuple[int, str] | None:
    """Where to put a line into __init__ after the last one that touches the attribute, and its margin."""
    classes = [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    if not classes:
        return None
    body = classes[-1].body
    first = next((node for node in body if isinstance(node, ast.FunctionDef) and node.name == "__init__"), None)
    if first is None:
        return None
    touched = [statement for statement in first.body if _touches(statement, attribute)]
    elsewhere = [node for node in body if node is not first and _touches(node, attribute)]
    if not touched or elsewhere:
        return None
    last = touched[-1]
    end = source.offset(last.end_lineno or last.lineno, 0)
    text = source.line(last.end_lineno or last.lineno)
    head = source.line(touched[0].lineno)
    return end + len(text.rstrip("\r\n")), head[: len(head) - len(head.lstrip())]


def _touches(tree: ast.AST, attribute: str) -> bool:
    """Whether something is given to the attribute or written into it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == attribute and isinstance(node.ctx, ast.Store):
            return True
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and _is(node.value, attribute):
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if _is(node.func.value, attribute) and node.func.attr.endswith("_"):
                return True
            if node.func.attr == "register_buffer" and node.args:
                name = node.args[0]
                if isinstance(name, ast.Constant) and name.value == attribute:
                    return True
    return False


def _is(node: ast.AST, attribute: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == attribute


def _script(loop: str, body: str, extra: str = "", made: str = "") -> str:
    return f"""\
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scaled = torch.ones(3, dtype=torch.bool)
        self.scaled[1] = 0
{made}        self.weight = torch.nn.Parameter(torch.ones(3))
{extra}
    def forward(self, x):
        columns = []
        {loop}
            {body}
                columns.append(x[:, index] * 2)
            else:
                columns.append(torch.tanh(x[:, index]))
        return torch.stack(columns, 1) * self.weight

print(Net()(torch.ones(2, 3)).detach())
"""


_LIST = "        self.scaled_list = self.scaled.tolist()\n"

RULE = Rule(
    title="a tensor of settings becomes a list",
    answers=("tensor-branch", "data-dependent-answer"),
    legal="""
        The branch asks an element of a tensor that a loop goes over. The tensor is an attribute that only __init__ of
        the same class makes and writes.
        """,
    safety=Safety.ASK,
    propose=propose,
    rank=7,
    examples=(
        Example(
            name="enumerate",
            before=_script("for index, scaled in enumerate(self.scaled):", "if scaled:"),
            after=_script("for index, scaled in enumerate(self.scaled_list):", "if scaled:", made=_LIST),
        ),
        Example(
            name="zip",
            before=_script("for index, flag in zip(range(3), self.scaled):", "if not flag == 0:"),
            after=_script("for index, flag in zip(range(3), self.scaled_list):", "if not flag == 0:", made=_LIST),
        ),
    ),
    negatives=(
        Negative(
            name="the tensor is an argument's",
            script=_script("for index, scaled in enumerate(x[0]):", "if scaled:"),
        ),
        Negative(
            name="another method writes it",
            script=_script(
                "for index, scaled in enumerate(self.scaled):",
                "if scaled:",
                "\n    def switch(self):\n        self.scaled[0] = 0\n",
            ),
        ),
        Negative(
            name="what is asked is no element",
            script=_script("for index, scaled in enumerate(self.scaled):", "if scaled | self.scaled[0]:"),
        ),
        Negative(
            name="the tensor is a parameter that training changes",
            script=_script("for index, scaled in enumerate(self.weight):", "if scaled:"),
        ),
    ),
)
