"""The Triton kernels of Inductor's module as plain `triton.jit` functions, with all that they call.

What they use of torch/_inductor/runtime/triton_helpers.py (Triton functions, torch 2.11 to 2.15) is copied along, so
that the module needs torch and triton only.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from dataclasses import dataclass, field
from typing import Any

_HELPER = re.compile(r"\btriton_helpers\.(\w+)")
_LIBDEVICE = re.compile(r"\blibdevice\.(\w+)")
_PREFIX = "helper_"


@dataclass
class Source:
    """texts: of functions, by name: helpers of Inductor's, functions beside kernels, kernels. libdevice: what is called
    of it.
    """

    texts: dict[str, str] = field(default_factory=dict)
    helpers: dict[str, str] = field(default_factory=dict)
    libdevice: set[str] = field(default_factory=set)
    needs: list[str] = field(default_factory=list)  # other statements at the top


def collect(sources: dict[str, str]) -> Source:
    """Of each kernel's module text. Raises SyntaxError, and Missing where Inductor's helpers cannot be read."""
    made = Source()
    library = _library()
    wanted: list[str] = []
    for name, text in sources.items():
        renamed = _beside(made, name, text)
        body = _HELPER.sub(lambda found: _PREFIX + found[1], renamed)
        wanted += _HELPER.findall(renamed)
        made.texts[name] = body
    for name in list(made.texts):
        wanted += [found for found in _HELPER.findall(made.texts[name])]
        made.texts[name] = _HELPER.sub(lambda found: _PREFIX + found[1], made.texts[name])
    while wanted:
        name = wanted.pop()
        if name in made.helpers or name not in library:
            continue
        tree, called = library[name]
        wanted += called
        if isinstance(tree, ast.FunctionDef) and any(
            ast.unparse(one) == "triton_builtin" for one in tree.decorator_list
        ):
            made.helpers[name] = f"from torch._inductor.runtime.triton_helpers import {name} as {_PREFIX}{name}"
            continue
        made.helpers[name] = ast.unparse(_Prefixed(set(library)).visit(tree))
    made.helpers = {name: made.helpers[name] for name in library if name in made.helpers}
    if any("_log2" in text for text in (*made.helpers.values(), *made.texts.values())):
        made.needs.insert(0, "from triton.language.standard import _log2")
    for text in (*made.helpers.values(), *made.texts.values()):
        made.libdevice |= set(_LIBDEVICE.findall(text))
    return made


def _beside(made: Source, name: str, text: str) -> str:
    """The kernel's own text; functions beside it are put into `made`, under another name where one has theirs."""
    lines = text.splitlines()
    tree = ast.parse(text)
    kernel = ""
    renames: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            body = "\n".join(lines[node.lineno - 1 : node.end_lineno])
            if node.name == name:
                kernel = "@triton.jit\n" + body
                continue
            known = made.texts.get(node.name)
            mine = "@triton.jit\n" + body
            if known is not None and known != mine:
                renames[node.name] = f"{node.name}_of_{name}"
                mine = re.sub(rf"\b{node.name}\b", renames[node.name], mine)
            made.texts.setdefault(renames.get(node.name, node.name), mine)
        elif isinstance(node, ast.Assign):
            statement = ast.unparse(node)
            if statement not in made.needs:
                made.needs.append(statement)
    for old, new in renames.items():
        kernel = re.sub(rf"\b{old}\b", new, kernel)
    if not kernel:
        raise SyntaxError(f"the source of {name} does not define it")
    return kernel


class _Prefixed(ast.NodeTransformer):
    def __init__(self, names: set[str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(_PREFIX + node.id, node.ctx) if node.id in self.names else node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.name = _PREFIX + node.name
        if node.body and isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant):
            node.body = node.body[1:]
        # Annotations that only Python's own types would have.
        for one in node.args.args:
            if one.annotation is not None and "constexpr" not in ast.unparse(one.annotation):
                one.annotation = None
        return node


def _library() -> dict[str, tuple[ast.stmt, list[str]]]:
    """Triton functions and constants of triton_helpers, with what each calls of the others."""
    module: Any = importlib.import_module("torch._inductor.runtime.triton_helpers")
    tree = ast.parse(inspect.getsource(module))
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            if any(ast.unparse(one) == "triton.jit" for one in node.decorator_list) or any(
                ast.unparse(one) == "triton_builtin" for one in node.decorator_list
            ):
                found[node.name] = node
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and "tl.constexpr" in ast.unparse(node):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                found[target.id] = node
    return {
        name: (
            node,
            [one.id for one in ast.walk(node) if isinstance(one, ast.Name) and one.id in found and one.id != name],
        )
        for name, node in found.items()
    }
