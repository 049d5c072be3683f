"""What calls the kernels: Inductor's wrapper, statement by statement, without what only its runtime needs."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

# Statements and calls that are left out: where a stream, a device guard or an assertion stands.
_DROPPED = re.compile(
    r"^(\w+ = get_raw_stream\(|torch\.cuda\.(set_device|synchronize)\(|assert_alignment\(|args\.clear\(\)"
    r"|run_intermediate_hooks|\w+ = copy_if_misaligned\()"
)
_GPU = ("cuda", "hip", "xpu")


@dataclass(frozen=True)
class Launch:
    """How a kernel is launched: what it is given besides its arguments. count: of the arguments, those it takes."""

    grid: tuple[int, ...]
    count: int
    settings: dict[str, Any]


@dataclass
class Calls:
    """functions: the text of each function of the wrapper. needs: names that the text does not define."""

    functions: list[str] = field(default_factory=list)
    needs: set[str] = field(default_factory=set)
    partitions: list[str] = field(default_factory=list)


Plan = Callable[[str, list[Any]], Launch]
Comment = Callable[[int], list[str]]


class _Rewrite(ast.NodeTransformer):
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.inputs: set[str] = set()

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = ast.unparse(node.func)
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "run" and isinstance(node.func.value, ast.Name):
            return self._launch(node, node.func.value.id)
        if name.startswith("empty_strided_") and len(node.args) == 3:
            place = ast.Name("DEVICE") if name != "empty_strided_cpu" else ast.Constant("cpu")
            words = [ast.keyword("dtype", node.args[2]), ast.keyword("device", place)]
            return ast.Call(_dotted("torch.empty_strided"), node.args[:2], words)
        if name == "device" or (name == "torch.device" and _on_gpu(node)):
            return ast.Name("DEVICE") if _on_gpu(node) else ast.Call(_dotted("torch.device"), node.args, node.keywords)
        if name == "get_raw_stream":
            return ast.Constant(0)
        if name.startswith("extern_kernels."):
            return ast.Call(_dotted(_library(name.partition(".")[2])), node.args, node.keywords)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        value = node.value
        return ast.Name("DEVICE") if isinstance(value, str) and value.partition(":")[0] in _GPU else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if ast.unparse(node) == "self.partitions":
            return ast.Name("PARTITIONS")
        self.generic_visit(node)
        return node

    def _launch(self, node: ast.Call, name: str) -> ast.AST:
        numbers = [_number(one) for one in node.args]
        launch = self.plan(name, numbers)
        grid = ast.Tuple([ast.Constant(size) for size in launch.grid])
        words = [ast.keyword(key, ast.Constant(value)) for key, value in launch.settings.items()]
        return ast.Call(ast.Subscript(ast.Name(name), grid), node.args[: launch.count], words)


def _number(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def _on_gpu(node: ast.Call) -> bool:
    return any(word in ast.unparse(node) for word in (*_GPU, "DEVICE"))


def _dotted(name: str) -> ast.expr:
    return ast.parse(name, mode="eval").body


def _library(name: str) -> str:
    """A call of a library by its public name."""
    if name == "bias_addmm":
        return "torch.addmm"
    if hasattr(torch, name):
        return f"torch.{name}"
    return f"torch.ops.aten.{name}" if hasattr(torch.ops.aten, name) else f"extern_kernels.{name}"


def read(text: str, plan: Plan, comment: Comment) -> Calls:
    """The functions of a wrapper module. plan: how a kernel is launched, of its name and the numbers among its
    arguments. comment: what is said above the statement of a line. Raises SyntaxError.
    """
    made = Calls()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef) and node.name == "Runner":
            made.functions += [
                _function(one, plan, comment)
                for one in node.body
                if isinstance(one, ast.FunctionDef) and one.name == "call"
            ]
        elif isinstance(node, ast.FunctionDef) and (node.name == "call" or node.name.startswith("partition_")):
            made.functions.append(_function(node, plan, comment))
            if node.name.startswith("partition_"):
                made.partitions.append(node.name)
    for function in made.functions:
        tree = ast.parse(function)
        stored = {one.id for one in ast.walk(tree) if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load)}
        stored |= {one.arg for one in ast.walk(tree) if isinstance(one, ast.arg)}
        loaded = {one.id for one in ast.walk(tree) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}
        made.needs |= loaded - stored
    return made


def _function(node: ast.FunctionDef, plan: Plan, comment: Comment) -> str:
    rewrite = _Rewrite(plan)
    for one in node.body:
        if isinstance(one, ast.Assign) and ast.unparse(one.value) == "args":
            rewrite.inputs |= {name.id for name in ast.walk(one.targets[0]) if isinstance(name, ast.Name)}
    lines = [f"def {node.name}(args):"]
    if node.name == "call":
        lines.append("    args = list(args)")
    lines += _statements(node.body, rewrite, comment, 1)
    return "\n".join(lines)


def _statements(body: list[ast.stmt], rewrite: _Rewrite, comment: Comment, depth: int) -> list[str]:
    out: list[str] = []
    for one in body:
        if isinstance(one, ast.With) and "_DeviceGuard" in ast.unparse(one.items[0].context_expr):
            out += _statements(one.body, rewrite, comment, depth)
            continue
        before = ast.unparse(one)
        if _DROPPED.match(before) or not before:
            continue
        above = comment(one.lineno)
        if before.startswith("assert_size_stride("):
            call = one.value if isinstance(one, ast.Expr) else None
            if not isinstance(call, ast.Call) or ast.unparse(call.args[0]) in rewrite.inputs:
                continue
            name, size, stride = (ast.unparse(part) for part in call.args[:3])
            text = f"{name} = strided({name}, {size}, {stride})"
        else:
            text = ast.unparse(ast.fix_missing_locations(rewrite.visit(one)))
        indent = "    " * depth
        out += [f"{indent}# {words}" for words in above]
        out += [indent + line for line in text.splitlines()]
    return out
