"""A run of a function's statements becomes a function of its own; a call stands in its place."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence

from g2.rewrite.model import Left
from g2.rewrite.rules._extract_text import Extracted, in_order, written
from g2.rewrite.rules._scope import LOOPS, NESTED, bound, flow, inside, leaves, parameters, reads, taken_by_nested
from g2.rewrite.source import Source

_FRAME = {"locals", "vars", "dir", "eval", "exec"}
_MODULE = 5


def weight(statement: ast.stmt) -> int:
    """How much a statement computes: its operators, indexings and calls, where one of an object or of an unknown
    function, which may be a whole module, counts for several.
    """
    total = 0
    for node in ast.walk(statement):
        if isinstance(node, ast.Call):
            total += _called(node.func)
        else:
            total += isinstance(node, (ast.BinOp, ast.Subscript))
    return total


def own_work(statement: ast.stmt) -> int:
    """The weight of what a statement computes for the call that it is: of the loss for `loss(x).backward()`."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    return weight(statement) - (_called(call.func) if isinstance(call, ast.Call) else 0)


def _called(function: ast.expr) -> int:
    if isinstance(function, ast.Name):
        return 0 if function.id in dir(builtins) else _MODULE
    own = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "self"
    return _MODULE if own else 1


def extract(
    source: Source,
    function: ast.FunctionDef,
    owner: ast.ClassDef | None,
    block: Sequence[ast.stmt],
    run: Sequence[ast.stmt],
    waiting: Sequence[ast.stmt],
    names: frozenset[str] = frozenset(),
) -> Extracted | Left:
    """The statements of `run`, all of `block`, become a function before `function`, or a method of its class `owner`.

    names: those that the new function must not have. waiting: statements between those of the run, which come behind
    the call. Exact for every input: what the run reads is passed, what is read behind it is returned, and it is left
    alone where that cannot be told from the text.
    """
    why = _unmovable(source, function, owner, run)
    if why:
        return Left(why)
    path = _path(function, block)
    around = [one for one in path if isinstance(one, LOOPS)]
    first, last = run[0].lineno, run[-1].end_lineno or run[-1].lineno
    every = {arg.arg for arg in parameters(function)} | bound(function.body)
    certain = _certain(function, path, run[0])
    rest = [s for s in inside(function.body) if isinstance(s, ast.stmt) and not _within(s, first, last)]
    simple = [s for s in rest if not hasattr(s, "body")]
    stored = bound(run)
    needed = flow(run, set())[0] & every
    before = {arg.arg for arg in parameters(function)} | bound(
        [*[s for s in simple if s.lineno < first or around], *_heads(rest)]
    )
    ends = isinstance(run[-1], ast.Return)
    later = [] if ends else [s for s in simple if s.lineno > last or around]
    wanted = reads([*later, *waiting]) | _head_reads(rest, last, bool(around))
    nested = taken_by_nested(rest)
    given = set() if ends else stored & (wanted | nested | (needed if around else set()))
    sure = flow(run, certain)[1]
    doubtful = sorted(given - sure)
    taken = (needed & before) | (given - flow(run, set())[1])
    doubtful += sorted(taken - certain)
    if around:
        doubtful += sorted(needed & stored - certain)
    if doubtful:
        return Left(f"{doubtful[0]} may not be set at that place")
    if stored & taken_by_nested([s for s in rest if s.lineno < first]) or taken_by_nested(run) & bound(
        [s for s in simple if s.lineno > last or around]
    ):
        return Left("a function defined in it uses names that change")
    if why := _half_done(path, run[0], stored):
        return Left(why)
    takes = [arg.arg for arg in parameters(function) if arg.arg in taken]
    takes += in_order(taken - set(takes), function.body)
    return written(source, function, owner, run, waiting, takes, in_order(given, run), names)


def _unmovable(
    source: Source, function: ast.FunctionDef, owner: ast.ClassDef | None, run: Sequence[ast.stmt]
) -> str | None:
    nodes = list(inside(run))
    if any(isinstance(n, (ast.Yield, ast.YieldFrom, ast.Await)) for n in inside(function.body)):
        return "it is a generator"
    if any(isinstance(n, (ast.Global, ast.Nonlocal)) for n in ast.walk(function) if n is not function):
        return "names of it are global or nonlocal"
    if any(isinstance(n, ast.Delete) for n in nodes):
        return "a name is deleted in it"
    if any(isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in _FRAME for n in nodes):
        return "it looks at its own frame"
    returns = [n for n in nodes if isinstance(n, ast.Return)]
    if returns and not (run[-1] is function.body[-1] and isinstance(run[-1], ast.Return)):
        return "it returns early"
    if any(isinstance(n, (ast.Break, ast.Continue)) and not _in_loop(n, run) for n in nodes):
        return "it leaves a loop around it"
    plain = owner is None or not any(ast.unparse(d) in ("staticmethod", "classmethod") for d in function.decorator_list)
    if not plain or (owner is not None and not function.args.args and not function.args.posonlyargs):
        return "it is a static or class method"
    for one in run:
        line = source.line(one.lineno).lstrip()
        head = source.line(one.lineno)[: source.characters(one.lineno, one.col_offset)]
        if head.strip() or not line:
            return "several statements share a line"
        end = one.end_lineno or one.lineno
        tail = source.line(end)[source.characters(end, one.end_col_offset or 0) :].strip()
        if tail and not tail.startswith("#"):
            return "several statements share a line"
    return None


def _half_done(path: Sequence[ast.stmt], first: ast.stmt, stored: set[str]) -> str | None:
    """Why what the run had stored before it raised may be seen, which a function of its own would keep to itself."""
    for around in path:
        if isinstance(around, ast.Try) and any(first is n for s in around.body for n in ast.walk(s)):
            handlers = [s for h in around.handlers for s in h.body]
            if stored & reads([*handlers, *around.finalbody]):
                return "what is behind an exception reads what it computes"
            if any(not leaves(h.body) for h in around.handlers):
                return "an exception in it is caught and the function goes on"
        elif isinstance(around, (ast.With, ast.AsyncWith)) and any(
            "suppress" in ast.unparse(item.context_expr) for item in around.items
        ):
            return "an exception in it is caught and the function goes on"
    return None


def _in_loop(node: ast.AST, run: Sequence[ast.stmt]) -> bool:
    loops = [n for n in inside(run) if isinstance(n, LOOPS)]
    return any(node is below for loop in loops for below in inside(loop.body))


def _path(function: ast.FunctionDef, block: Sequence[ast.stmt]) -> list[ast.stmt]:
    """The compound statements around a block, outermost first."""
    found = []
    for node in inside(function.body):
        if isinstance(node, ast.stmt) and node is not function and hasattr(node, "body"):
            below = [b for b in inside([node]) if isinstance(b, ast.stmt) and b is not node]
            if any(block[0] is one for one in below):
                found.append(node)
    return sorted(found, key=lambda n: (n.lineno, -(n.end_lineno or 0)))


def _certain(function: ast.FunctionDef, path: Sequence[ast.stmt], first: ast.stmt) -> set[str]:
    """Names bound for certain right before a statement."""
    certain = {arg.arg for arg in parameters(function)}
    block: Sequence[ast.stmt] = function.body
    for around in [*path, first]:
        holds = [one for one in block if one is around]
        if not holds:  # in a handler, an else or a finally: what comes before it may not have been finished
            return certain
        certain = flow(block[: block.index(around)], certain)[1]
        if isinstance(around, (ast.For, ast.AsyncFor)):
            certain |= bound([around.target])
        elif isinstance(around, (ast.With, ast.AsyncWith)):
            certain |= bound(item.optional_vars for item in around.items if item.optional_vars)
        block = getattr(around, "body", [])
    return certain


def _within(statement: ast.stmt, first: int, last: int) -> bool:
    return first <= statement.lineno and (statement.end_lineno or statement.lineno) <= last


def _heads(statements: Sequence[ast.stmt]) -> list[ast.AST]:
    """What compound statements bind by themselves."""
    found: list[ast.AST] = []
    for one in statements:
        if isinstance(one, (ast.For, ast.AsyncFor)):
            found.append(one.target)
        elif isinstance(one, (ast.With, ast.AsyncWith)):
            found += [item.optional_vars for item in one.items if item.optional_vars]
    return found


def _head_reads(statements: Sequence[ast.stmt], last: int, looping: bool) -> set[str]:
    """Names that compound statements read in their heads, behind the run."""
    found: set[str] = set()
    for one in statements:
        if hasattr(one, "body") and (one.lineno > last or (looping and isinstance(one, ast.While))):
            blocks = {id(s) for name in ("body", "orelse", "finalbody", "handlers") for s in getattr(one, name, [])}
            found |= reads(c for c in ast.iter_child_nodes(one) if id(c) not in blocks)
        if isinstance(one, NESTED):
            found |= reads([one])
    return found
