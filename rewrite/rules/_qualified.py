"""The full dotted name of what an expression names: `F.one_hot` is torch.nn.functional.one_hot."""

from __future__ import annotations

import ast

import libcst as cst

from g2.rewrite.source import Source

_FUNCTIONAL = "torch.nn.functional"
_SAME = {"torch.functional": "torch", "torch.special": "torch"}


def dotted(node: cst.CSTNode) -> str:
    """`a.b.c` as written, without white space; empty for anything else than names and dots."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        left = dotted(node.value)
        return f"{left}.{node.attr.value}" if left else ""
    return ""


def qualified(source: Source, node: cst.CSTNode) -> str:
    """The full name of a function or module, by the imports of the file; empty where no import leads to it."""
    name = dotted(node)
    head, _, rest = name.partition(".")
    module = _imports(source).get(head, "")
    if not module:
        return ""
    full = f"{module}.{rest}" if rest else module
    for alias, real in _SAME.items():
        if full.startswith(alias + "."):
            full = real + full[len(alias) :]
    return full


def functional(source: Source, node: cst.CSTNode) -> str:
    """The bare name of a function of torch or of torch.nn.functional; empty for any other."""
    full = qualified(source, node)
    before, _, name = full.rpartition(".")
    return name if before in ("torch", _FUNCTIONAL) else ""


def _imports(source: Source) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def torch_as(source: Source) -> tuple[str, tuple[str, ...]]:
    """What the file calls torch, and the import that it needs when it does not import it."""
    for name, module in _imports(source).items():
        if module == "torch":
            return name, ()
    return "torch", ("import torch",)
