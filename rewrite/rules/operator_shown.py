"""Shows how a function of a compiled extension is registered as an operator, with a fake of the shapes seen."""

from __future__ import annotations

import keyword
import re
import textwrap
from collections.abc import Iterator

import libcst as cst

from g2.capture.model import Value
from g2.rewrite.model import Left, Proposal, Safety
from g2.rewrite.rule import Negative, Rule
from g2.rewrite.rules._operator_text import Input, operator_text
from g2.rewrite.rules._torch_name import torch_names
from g2.rewrite.site import Site

_NUMBERS = {"int", "float"}


def _propose(site: Site) -> Iterator[Proposal | Left]:
    piece = site.piece
    call = next((n for n in (site.node, *piece.ancestors(site.node)) if isinstance(n, cst.Call)), None)
    if call is None:
        return
    inputs: list[Input] = []
    written: list[str] = []
    for arg in call.args:
        value = site.values.get(piece.code(arg.value))
        kind = _kind(arg.value, value)
        if arg.star or not kind:
            yield Left(f"what the run passed as `{piece.code(arg.value)}` was not seen")
            return
        name = _fresh(piece.code(arg.value), [one.name for one in inputs])
        shape = value.shape if value is not None and kind == "torch.Tensor" else None
        inputs.append(Input(name, kind, shape, value.dtype if value is not None else ""))
        written.append(f"{arg.keyword.value}={name}" if arg.keyword is not None else name)
    if not any(one.shape is not None for one in inputs):
        yield Left("no tensor goes into it: compute it once outside of the compiled function")
        return
    function = piece.code(call.func)
    target = _target(site, call)
    given = _seen(site, target) if target else None
    taken = {one.name for one in inputs}
    short = re.sub(r"\W", "_", function.rpartition(".")[2]) or "operator"
    name = piece.fresh(f"{short}_op") if short not in taken else piece.fresh(f"{short}_operator")
    package = re.sub(r"\W", "_", function.partition(".")[0]) if "." in function else "extension"
    text = operator_text(
        torch_names(site.source).torch, package, name, f"{function}({', '.join(written)})", inputs,
        given.shape if given is not None else None, given.dtype if given is not None else "",
    )  # fmt: skip
    told = "as it was seen" if given is not None else "taken to be like the first tensor: check it"
    yield Proposal(
        rule="",
        summary=f"`{function}` is registered as an operator, which stands in the graph as one node",
        safety=Safety.SHOW,
        files=(),
        advice=(
            f"Register `{function}` as an operator and call `{name}` instead. Its fake tells the shape, {told}.",
            textwrap.indent(text.rstrip("\n"), "    "),
            f"It must give a new tensor, not an input. For training add `{name}.register_autograd(backward, "
            "setup_context=...)`; check it with `torch.library.opcheck`.",
        ),
    )


def _kind(node: cst.BaseExpression, value: Value | None) -> str:
    if value is not None:
        if value.kind == "tensor":
            return "torch.Tensor"
        if value.kind == "number":
            return value.dtype if value.dtype in _NUMBERS else ""
        return value.kind if value.kind in ("bool", "str") else ""
    if isinstance(node, cst.Integer):
        return "int"
    if isinstance(node, cst.Float):
        return "float"
    if isinstance(node, cst.Name) and node.value in ("True", "False"):
        return "bool"
    return "str" if isinstance(node, cst.SimpleString) else ""


def _fresh(code: str, taken: list[str]) -> str:
    name = re.sub(r"\W", "_", code.removeprefix("self.")).strip("_").lower()
    if not name.isidentifier() or keyword.iskeyword(name):
        name = "value"
    number, base = 2, name
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def _target(site: Site, call: cst.Call) -> str:
    above = site.piece.parent(call)
    if isinstance(above, cst.Assign) and len(above.targets) == 1 and isinstance(above.targets[0].target, cst.Name):
        return above.targets[0].target.value
    return ""


def _seen(site: Site, name: str) -> Value | None:
    """What the name held at another break of the same function, behind the call."""
    place = site.place
    for one in site.session.breaks:
        behind = place is not None and one.span.path == place.span.path and one.function == place.function
        if behind and place is not None and one.span.line > place.span.line:
            for value in one.values:
                if value.name == name and value.kind == "tensor":
                    return value
    return None


RULE = Rule(
    title="a compiled extension is registered as an operator",
    answers=("compiled-extension", "custom-operator"),
    legal="""
        Shown only: what the function does to its inputs, whether it has gradients and what shapes it gives for other
        inputs a person has to know. The types are those that the run passed.
        """,
    safety=Safety.SHOW,
    propose=_propose,
    rank=90,
    examples=(),
    negatives=(
        Negative(
            "no tensor goes into it",
            """
import json

import torch


@torch.compile
def step(x, text):
    y = x * 2
    return y + json.loads(text)


step(torch.ones(2), "3")
""",
        ),
    ),
)
