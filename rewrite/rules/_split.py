"""Draw a compiled region anew: statements of a compiled function that cannot be captured stay in the function, the rest
becomes a compiled function of its own, which it calls.

For rules: `drawn_anew(region(site), outside)`, with `outside` a test of statements (an ast.stmt of the compiled
function, at any depth: "must this stand outside?"), gives the edits or a Left. What goes into the new function is the
longest run of statements without such a one in a single block; effects keep their order, but for those that `postpone`
allows to come behind the run:

    @torch.compile                          @torch.compile
    def train_step(x, y):                   def compute_loss(x, y):
        opt.zero_grad()                         return loss_of(net(x), y)
        loss = loss_of(net(x), y)
        loss.backward()             ->
        opt.step()                          def train_step(x, y):
        return loss                             opt.zero_grad()
                                                loss = compute_loss(x, y)
                                                loss.backward()
                                                ...
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from g2.rewrite.model import Edit, FileEdits, Left
from g2.rewrite.rules._extract import extract, own_work, weight
from g2.rewrite.rules._extract_text import Extracted
from g2.rewrite.rules._postpone import may_wait
from g2.rewrite.rules._region import Region, hit_by
from g2.rewrite.rules._scope import FUNCTIONS
from g2.rewrite.rules._torch_name import torch_names
from g2.rewrite.source import Source

_WORTH = 3  # calls and operators that make a further run worth a function of its own
Outside = Callable[[ast.stmt], bool]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A region drawn anew: the edits, the names of the new functions, whether effects were put behind one.

    caveat: what else is no longer compiled, a clause; empty when the region was that function alone.
    """

    files: tuple[FileEdits, ...]
    names: tuple[str, ...]
    postponed: bool
    caveat: str


def drawn_anew(region: Region, outside: Outside, postpone: bool = False, share: int = 1) -> Drawn | Left:
    """The edits that leave the statements that are `outside` (and compound ones that hold such) out of the region.

    postpone: whether such a statement may be put behind statements that do not touch what it touches. share: by how
    many times what is compiled must outweigh the rest, counted in operations, those statements apart.
    """
    function = region.function
    if isinstance(function, ast.AsyncFunctionDef):
        return Left("the compiled function is a coroutine")
    done: list[Extracted] = []
    waited = False
    kept = 0
    chosen: list[ast.stmt] = []
    why = Left("nothing is left to compile beside it")
    every = hit_by(region, lambda hit: True)
    while True:
        # A further run is not worth it when it has breaks of its own.
        test = _but(chosen, lambda one: outside(one) or every(one)) if done else outside
        block, core, waiting = _core(function.body, test, postpone)
        gain = sum(weight(one) for one in core)
        if not core or gain < (1 if not done else max(_WORTH, kept // 4)):
            break
        names = frozenset(one.name for one in done)
        one = extract(region.source, function, region.owner, block, core, waiting, names)
        if isinstance(one, Left):
            why = one
            break
        done.append(one)
        chosen += [*core, *waiting]
        kept += gain
        waited = waited or bool(waiting)
    if not done:
        return why
    rest = _others(function.body, chosen)
    if sum(share * weight(one) if not outside(one) else own_work(one) for one in rest) >= kept:
        return Left("most of the tensor work stands beside what could be compiled by itself")
    wished = _wish_edits(region, done[0].indent)
    if isinstance(wished, Left):
        return wished
    decorator, edits = wished
    source = region.source
    done.sort(key=lambda one: one.edits)
    start = source.offset(_top(source, function), 0)
    text = "".join(f"{decorator}{one.definition}\n" + ("\n" if one.indent else "\n\n") for one in done)
    edits.setdefault(source.path, []).extend([Edit(start, start, text), *(e for one in done for e in one.edits)])
    files = tuple(FileEdits(path, tuple(sorted(some))) for path, some in edits.items())
    caveat = ""
    if region.owner is not None and not region.wish.function:
        caveat = f"nothing else of {region.owner.name} is compiled then, and the keys of its state lose `_orig_mod.`"
    return Drawn(files, tuple(one.name for one in done), waited, caveat)


def _but(chosen: Sequence[ast.stmt], outside: Outside) -> Outside:
    return lambda one: one in chosen or outside(one)


def _holds(statement: ast.stmt, outside: Outside) -> bool:
    """Whether the statement, or one inside it, has to stand outside."""
    if outside(statement):
        return True
    inner = [n for n in ast.walk(statement) if isinstance(n, ast.stmt) and n is not statement]
    return any(outside(one) for one in inner)


def _core(
    block: list[ast.stmt], outside: Outside, postpone: bool
) -> tuple[list[ast.stmt], list[ast.stmt], list[ast.stmt]]:
    """The block with the heaviest run, that run, and the statements among it that wait until behind it."""
    best: tuple[list[ast.stmt], list[ast.stmt], list[ast.stmt]] = (block, [], [])
    top = (0, 0, 0)
    for start, first in enumerate(block):
        core: list[ast.stmt] = []
        waiting: list[ast.stmt] = []
        if isinstance(first, (ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal)) or _docstring(first):
            continue
        for one in block[start:]:
            if _holds(one, outside):
                if not (postpone and core and outside(one)):
                    break
                waiting.append(one)
            elif not all(may_wait(late, one) for late in waiting):
                break
            else:
                core.append(one)
                score = sum(weight(c) for c in core), -len(waiting), len(core)
                if score > top:
                    best, top = (block, list(core), list(waiting)), score
    for one in block:
        if _holds(one, outside) and not outside(one):
            for inner in _blocks(one):
                found = _core(inner, outside, postpone)
                score = sum(weight(c) for c in found[1]), -len(found[2]), len(found[1])
                if score > top:
                    best, top = found, score
    return best


def _blocks(statement: ast.stmt) -> list[list[ast.stmt]]:
    if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
        return []
    found = [getattr(statement, name, None) for name in ("body", "orelse", "finalbody")]
    handlers: list[list[ast.stmt]] = [h.body for h in getattr(statement, "handlers", [])]
    return [block for block in (*found, *handlers) if block]


def _docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _others(block: Sequence[ast.stmt], chosen: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Simple statements that are in none of the chosen ones."""
    found: list[ast.stmt] = []
    for one in block:
        below = _blocks(one)
        if one not in chosen:
            found += [s for inner in below for s in _others(inner, chosen)] if below else [one]
    return found


def _top(source: Source, function: ast.FunctionDef) -> int:
    """The first line of a function with its decorators and the comments right above."""
    line = min([function.lineno, *(d.lineno for d in function.decorator_list)])
    while line > 1 and source.line(line - 1).lstrip().startswith("#"):
        line -= 1
    return line


def _wish_edits(region: Region, indent: str) -> tuple[str, dict[str, list[Edit]]] | Left:
    """The decorator lines of the new function, and the edits that take the wish off the old one."""
    wish, source = region.wish, region.wish_source
    expression = wish.expression
    if wish.decorates:
        first, last = expression.lineno, expression.end_lineno or expression.lineno
        start, end = source.offset(first, 0), source.offset(last + 1, 0)
        return source.text[start:end].replace(source.newline, "\n"), {source.path: [Edit(start, end, "")]}
    assert isinstance(expression, ast.Call)
    whole = not wish.function
    in_place = whole and not expression.args
    model = expression.args[0] if expression.args else None
    known = all(k.arg is not None and _plain(k.value) for k in expression.keywords)
    if (model is None and not in_place) or len(expression.args) > 1 or not known:
        return Left("what it is compiled with is known only where it is compiled")
    if not _unconditional(source.tree, wish.statement):
        return Left("it is compiled under a condition")
    if not whole and _mentions(region) > 1:
        return Left(f"{region.function.name} is used elsewhere too, without being compiled")
    if source.path != region.source.path:
        return Left(f"{region.function.name} is compiled in another file")
    options = ", ".join(f"{k.arg}={ast.get_source_segment(source.text, k.value)}" for k in expression.keywords)
    call = f"{torch_names(source).torch}.compile" if in_place else ast.get_source_segment(source.text, expression.func)
    decorator = f"{indent}@{call}({options})\n" if options else f"{indent}@{call}\n"
    line = wish.statement
    assigned = line.targets[0] if isinstance(line, ast.Assign) and len(line.targets) == 1 else None
    plain = (ast.get_source_segment(source.text, model) or "") if model is not None else ""
    alone = isinstance(line, ast.Expr) if in_place else assigned is not None and ast.unparse(assigned) == wish.what
    if alone and getattr(line, "value", None) is expression:
        head = source.line(line.lineno)[: source.characters(line.lineno, line.col_offset)]
        if head.strip() or not _may_go(source.tree, line):
            return Left("nothing would be left of a block where it is compiled")
        gone = Edit(source.offset(line.lineno, 0), source.offset((line.end_lineno or line.lineno) + 1, 0), "")
        return decorator, {source.path: [gone]}
    if in_place:
        return Left("it is compiled in the middle of a statement")
    begin = source.offset(expression.lineno, source.characters(expression.lineno, expression.col_offset))
    end_line = expression.end_lineno or expression.lineno
    end = source.offset(end_line, source.characters(end_line, expression.end_col_offset or 0))
    return decorator, {source.path: [Edit(begin, end, plain)]}


def _may_go(tree: ast.Module, statement: ast.stmt) -> bool:
    """Whether the block that a statement stands in has others."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and statement in block:
                return len(block) > 1
    return False


def _plain(value: ast.expr) -> bool:
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError):
        return False
    return True


def _unconditional(tree: ast.Module, statement: ast.stmt) -> bool:
    """Whether the statement is run whenever its function or module is, `if __name__ == ...` apart."""

    def walk(block: Sequence[ast.stmt]) -> bool:
        for one in block:
            if one is statement:
                return True
            main = isinstance(one, ast.If) and "__name__" in ast.unparse(one.test)
            if (main or isinstance(one, (*FUNCTIONS, ast.ClassDef, ast.With))) and walk(one.body):  # type: ignore[attr-defined]
                return True
        return False

    return walk(tree.body)


def _mentions(region: Region) -> int:
    """How often the compiled function's name is read in the two files, but where a compiled one is called."""
    name = region.function.name
    rebound = isinstance(region.wish.statement, ast.Assign) and any(
        ast.unparse(target) == name for target in region.wish.statement.targets
    )
    if rebound:
        return 1
    trees = {region.source.path: region.source.tree, region.wish_source.path: region.wish_source.tree}
    return sum(
        (isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load))
        or (isinstance(node, ast.Attribute) and node.attr == name)
        for tree in trees.values()
        for node in ast.walk(tree)
    )
