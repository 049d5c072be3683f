"""What of two versions of a file runs when it is loaded: there only the new one was run."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass

from g2.rewrite.spoken import torch_names, unspoken


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence about a line of the text before; line 0 where there is none."""

    what: str
    line: int


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_JIT = ("jit.script", "script_if_tracing", "script_method")


def notes(name: str, old: ast.Module, new: ast.Module) -> list[Note]:
    """What of the change in file `name` cannot be compared on other inputs, since it is not in a function."""
    both = _names(old) & _names(new)
    before, after = (_loaded(unspoken(one, torch_names(one)), both) for one in (old, new))
    gone = Counter(text for text, _ in before) - Counter(text for text, _ in after)
    came = Counter(text for text, _ in after) - Counter(text for text, _ in before)
    lines = sorted({line for text, line in before if gone[text]})
    found = [
        Note(f"{name}:{line} runs when the file is loaded; there the text before was not run beside the new one.", line)
        for line in lines
    ]
    if not lines and came:
        line = min(line for text, line in after if came[text])
        what = "runs when the file is loaded; it has nothing to be compared with."
        found.append(Note(f"What is new at line {line} of {name} {what}", 0))
    return found


def scripted(tree: ast.Module) -> set[int]:
    """First lines of functions that torch.jit compiles: they run what it made of the text, whichever code they have."""
    return {
        min(node.lineno, *(one.lineno for one in node.decorator_list))
        for node in ast.walk(tree)
        if isinstance(node, _FUNCTIONS)
        if any(word in ast.unparse(one) for one in node.decorator_list for word in _JIT)
    }


def _names(tree: ast.Module) -> frozenset[str]:
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, _FUNCTIONS))


def _loaded(tree: ast.Module, both: frozenset[str]) -> list[tuple[str, int]]:
    """The statements that run at load, each with its line; imports, docstrings and bodies of functions left out, and
    constant defaults of functions that are not in both texts.
    """
    found: list[tuple[str, int]] = []

    def block(body: list[ast.stmt]) -> None:
        for node in body:
            statement(node)

    def statement(node: ast.stmt) -> None:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            return
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return
        if isinstance(node, _FUNCTIONS):
            run = (*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults))
            said = [one for one in run if node.name in both or not isinstance(one, ast.Constant)]
            found.extend((f"{node.name} {ast.dump(one)}", one.lineno) for one in said)
            return
        inner = [part for field in ("body", "orelse", "finalbody") for part in getattr(node, field, [])]
        inner += [part for field in ("handlers", "cases") for one in getattr(node, field, []) for part in one.body]
        if not inner:
            found.append((ast.dump(node), node.lineno))
            return
        head = [ast.dump(part) for part in ast.iter_child_nodes(node) if isinstance(part, (ast.expr, ast.keyword))]
        found.append((f"{type(node).__name__} {head}", node.lineno))
        block(inner)

    block(tree.body)
    return found
