"""A global number that a compiled function reads becomes an argument, which Dynamo makes dynamic."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._compiles import compiles
from g2.rewrite.rules._options import bounds
from g2.rewrite.site import Site
from g2.rewrite.source import FUNCTIONS, Source

_NAME = re.compile(r"[A-Za-z_]\w*$")
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class _Where:
    function: _Function
    calls: tuple[ast.Call, ...]


def _propose(site: Site) -> Iterator[Proposal | Left]:
    for guard in site.recompile.guards if site.recompile else ():
        if guard.kind != "value" or not _NAME.match(guard.source):
            continue
        if site.source.path != site.script:
            yield Left(f"other files may call {site.target.function}")
            return
        found = _where(site.source, site.target.function, guard.source)
        if isinstance(found, Left):
            yield found
            continue
        edits = [_parameter(site.source, found.function, guard.source)]
        edits += [_argument(site.source, call, guard.source) for call in found.calls]
        files = (FileEdits(site.source.path, tuple(edits)),)
        yield Proposal("", f"{guard.source} is passed to {found.function.name}", Safety.SAFE, files)


def _where(source: Source, name: str, number: str) -> _Where | Left:
    """The function and its calls, where all of them are known."""
    function = next((n for n in source.tree.body if isinstance(n, FUNCTIONS) and n.name == name), None)
    if function is None:
        return Left(f"{name} is no function at the top of a file")
    a = function.args
    if a.vararg or a.kwarg or a.kwonlyargs or a.defaults:
        return Left(f"{name} has parameters behind which no other fits")
    if number in [one.arg for one in (*a.posonlyargs, *a.args)]:
        return Left(f"{number} is an argument already")
    inside = list(ast.walk(function))
    if any(isinstance(n, ast.Global) and number in n.names for n in inside):
        return Left(f"{name} itself changes {number}")
    if any(isinstance(n, ast.Name) and n.id == number and not isinstance(n.ctx, ast.Load) for n in inside):
        return Left(f"{number} is a local name of {name}")
    if any(isinstance(n, (*FUNCTIONS, ast.Lambda, ast.ClassDef)) for n in inside if n is not function):
        return Left(f"{name} holds other functions")
    wishes = [one for one in compiles(source) if one.what == name]
    aliases = {name} if any(one.decorates for one in wishes) or not wishes else set[str]()
    by_call = [one.expression for one in wishes if isinstance(one.expression, ast.Call) and not one.decorates]
    allowed = {id(call.args[0]) for call in by_call if call.args}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assign) and any(node.value is one.expression for one in wishes):
            aliases |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    calls: list[ast.Call] = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {*aliases, name}:
            calls.append(node)
            allowed.add(id(node.func))
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Name):
            continue
        read = isinstance(node.ctx, ast.Load) and node.id in {*aliases, name}
        if read and id(node) not in allowed:
            return Left(f"{name} is handed on at line {node.lineno}, and who calls it is not known")
    for call in calls:
        if call.keywords or any(isinstance(arg, ast.Starred) for arg in call.args):
            return Left(f"the call at line {call.lineno} names its arguments")
        if _shadowed(source.tree, call, number):
            return Left(f"{number} is something else where line {call.lineno} calls {name}")
    if not calls:
        return Left(f"no call of {name} was found")
    return _Where(function, tuple(calls))


def _shadowed(tree: ast.Module, call: ast.Call, number: str) -> bool:
    """Whether the number's name is bound anew in a function or comprehension around the call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module) or not any(one is call for one in ast.walk(node)):
            continue
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda)):
            return True
        if isinstance(node, ast.ClassDef):
            return True
        if isinstance(node, FUNCTIONS):
            inside = list(ast.walk(node))
            declared = any(isinstance(n, ast.Global) and number in n.names for n in inside)
            bound = any(isinstance(n, ast.Name) and n.id == number and not isinstance(n.ctx, ast.Load) for n in inside)
            if (bound and not declared) or any(isinstance(n, ast.arg) and n.arg == number for n in inside):
                return True
    return False


def _parameter(source: Source, function: _Function, number: str) -> Edit:
    given = [*function.args.posonlyargs, *function.args.args]
    if given:
        line, column = given[-1].end_lineno or given[-1].lineno, given[-1].end_col_offset or 0
        end = source.offset(line, source.characters(line, column))
        return Edit(end, end, f", {number}")
    at = source.text.index("(", bounds(source, function)[0]) + 1
    return Edit(at, at, number)


def _argument(source: Source, call: ast.Call, number: str) -> Edit:
    if call.args:
        end = bounds(source, call.args[-1])[1]
        while source.text[end : end + 1] == ")" and end + 1 < bounds(source, call)[1]:
            end += 1  # a parenthesis around the argument
        return Edit(end, end, f", {number}")
    at = bounds(source, call)[1] - 1
    return Edit(at, at, number)


RULE = Rule(
    title="a global number becomes an argument",
    answers=("changing-number",),
    legal="""
        The function stands at the top of the file, reads the number and does not change it; all that the file does with
        the function is compile and call it, with plain arguments; and where it is called the name means the
        same number. A number that is an argument becomes dynamic at its second value, a global one never does.
        """,
    safety=Safety.SAFE,
    propose=_propose,
    rank=40,
    examples=(
        Example(
            "a counter of steps",
            """
            import torch

            count = 1

            @torch.compile(dynamic=True)
            def step(x):
                return x * count

            for _ in range(4):
                count += 1
                print(step(torch.ones(3)))
            """,
            """
            import torch

            count = 1

            @torch.compile(dynamic=True)
            def step(x, count):
                return x * count

            for _ in range(4):
                count += 1
                print(step(torch.ones(3), count))
            """,
        ),
        Example(
            "compiled by a call",
            """
            import torch

            scale = 1

            def forward(x):
                return x * scale

            compiled = torch.compile(forward, dynamic=True)

            def run(n):
                global scale
                scale = n
                return compiled(torch.ones(3))

            print([run(n).sum() for n in (2, 3, 4)])
            """,
            """
            import torch

            scale = 1

            def forward(x, scale):
                return x * scale

            compiled = torch.compile(forward, dynamic=True)

            def run(n):
                global scale
                scale = n
                return compiled(torch.ones(3), scale)

            print([run(n).sum() for n in (2, 3, 4)])
            """,
        ),
    ),
    negatives=(
        Negative(
            "the function itself changes the number",
            """
            import torch

            count = 1

            @torch.compile
            def step(x):
                global count
                count += 1
                return x * count

            for _ in range(3):
                print(step(torch.ones(3)))
            """,
        ),
        Negative(
            "the function is handed on",
            """
            import torch

            count = 1

            @torch.compile
            def step(x):
                return x * count

            for count in (2, 3):
                print(list(map(step, [torch.ones(3)])))
            """,
        ),
        Negative(
            "the name means something else where it is called",
            """
            import torch

            count = 1

            @torch.compile
            def step(x):
                return x * count

            def run(count):
                return step(torch.ones(3)) + count

            for count in (2, 3):
                print(run(7))
            """,
        ),
        Negative(
            "a local name, which is compiled anew behind a graph break",
            """
            import time

            import torch

            @torch.compile
            def step(x):
                start = time.perf_counter()
                y = x * 2
                return y, time.perf_counter() - start

            for _ in range(3):
                step(torch.ones(3))
            """,
        ),
        Negative(
            "a parameter with a default",
            """
            import torch

            count = 1

            @torch.compile
            def step(x, k=2.0):
                return x * count * k

            for count in (2, 3):
                print(step(torch.ones(3)))
            """,
        ),
    ),
)
