"""Functions of torch as a file calls them: `F.one_hot` is one_hot."""

from __future__ import annotations

import libcst as cst

from g2.rewrite.rules._kinds import dotted
from g2.rewrite.rules._torch_name import torch_names
from g2.rewrite.source import Source

_MODULES = ("torch", "torch.nn.functional", "torch.functional", "torch.special")


def functional(source: Source, node: cst.CSTNode) -> str:
    """The bare name of a function of torch or of torch.nn.functional; empty for any other."""
    before, _, name = torch_names(source).dotted(dotted(node)).rpartition(".")
    return name if before in _MODULES else ""


def torch_as(source: Source) -> tuple[str, tuple[str, ...]]:
    """What the file calls torch, and the import that it needs when it does not import it."""
    names = torch_names(source)
    return names.torch, names.imports


def argument(call: cst.Call, place: int, *keywords: str) -> cst.BaseExpression | None:
    """An argument by its place or by one of its names; None where it is not given or hides behind a star."""
    if any(arg.star for arg in call.args):
        return None
    for arg in call.args:
        if arg.keyword is not None and arg.keyword.value in keywords:
            return arg.value
    plain = [arg.value for arg in call.args if arg.keyword is None]
    return plain[place] if 0 <= place < len(plain) else None
