"""SciPy's linear_sum_assignment, which pairs rows with columns, becomes an operator that the graph holds."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._grad_mode import grad_off
from g2.rewrite.rules._imported import imported
from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._names import nodes
from g2.rewrite.rules._ordered_effect import fitting, local_names, space, unsteady_names
from g2.rewrite.site import Site

_SOLVER = "scipy.optimize.linear_sum_assignment"


def propose(site: Site) -> Iterator[Proposal | Left]:
    call = _call(site)
    if call is None:
        return
    piece, kinds, solver = site.piece, Kinds(site), dotted(call.func)
    known = [one for one in call.args if one.keyword is None or one.keyword.value in ("cost_matrix", "maximize")]
    if not call.args or len(known) < len(call.args) or any(one.star for one in call.args):
        yield Left("its arguments are not a matrix and `maximize`")
        return
    if solver.partition(".")[0] in local_names(site) | unsteady_names(site.source):
        yield Left(f"`{solver}` is not known at the top of the file")
        return
    if "jit.script" in site.source.text:
        yield Left("the file uses TorchScript, which knows no operators written in Python")
        return
    matrix = call.args[0]
    listed = isinstance(matrix.value, (cst.List, cst.Tuple, cst.ListComp))
    if listed or matrix.keyword is not None or kinds.of(matrix.value).name not in ("tensor", "array", "unknown"):
        yield Left(f"`{piece.short(matrix.value)}` is no matrix of numbers for certain")
        return
    torch = kinds.names.torch
    name, text = fitting(site, "_assign", lambda name: _operator(torch, space(site.source.path), name, solver))
    edits = [piece.replace(call.func, name)]
    if (tensor := _tensor(matrix.value)) is not None:
        edits.append(piece.replace(matrix.value, piece.code(tensor)))
    elif kinds.of(matrix.value).name == "array":
        edits.append(piece.replace(matrix.value, f"{torch}.as_tensor({piece.code(matrix.value)})"))
    free = ".detach()" in piece.code(matrix.value) or grad_off(piece, matrix)
    yield Proposal(
        rule="",
        summary="an operator pairs the rows with the columns: as many pairs as the shorter side has",
        safety=Safety.SAFE if free else Safety.ASK,
        files=(FileEdits(site.source.path, tuple(sorted(edits)), kinds.names.imports, (text,) if text else ()),),
        caveat="" if free else "A matrix that requires gradients is no longer refused; none flow back.",
        differs=frozenset() if free else frozenset({"gradient-refused"}),
    )


def _call(site: Site) -> cst.Call | None:
    """The only call of the solver at the place."""
    for node in (site.node, *site.piece.ancestors(site.node)):
        found = [one for one in nodes(node) if isinstance(one, cst.Call) and imported(site.source, one.func) == _SOLVER]
        if found:
            return found[0] if len(found) == 1 else None
        if isinstance(node, cst.BaseStatement):
            return None
    return None


def _tensor(matrix: cst.BaseExpression) -> cst.BaseExpression | None:
    """x of `x.numpy()`."""
    if isinstance(matrix, cst.Call) and isinstance(matrix.func, cst.Attribute) and not matrix.args:
        return matrix.func.value if matrix.func.attr.value == "numpy" else None
    return None


def _operator(torch: str, namespace: str, name: str, solver: str) -> str:
    return f'''\
@{torch}.library.custom_op("{namespace}::{name.strip("_")}", mutates_args=())
def {name}_operator(cost: {torch}.Tensor, maximize: bool) -> tuple[{torch}.Tensor, {torch}.Tensor]:
    rows, columns = {solver}(cost, maximize)
    return {torch}.from_numpy(rows), {torch}.from_numpy(columns)


@{name}_operator.register_fake
def _(cost, maximize):
    pairs = min(cost.shape)
    return {torch}.empty(pairs, dtype={torch}.int64), {torch}.empty(pairs, dtype={torch}.int64)


def {name}(cost_matrix, maximize=False):
    rows, columns = {name}_operator(cost_matrix, maximize)
    return rows.numpy(), columns.numpy()'''


_HEAD = """\
import torch
from scipy.optimize import linear_sum_assignment
"""

_OPERATOR = f"""

{_operator("torch", "example", "_assign", "linear_sum_assignment")}
"""


def _script(call: str, operator: str = "", head: str = _HEAD, extra: str = "") -> str:
    return f"""\
{head}{operator}

@torch.compile
def matched(x, y):{extra}
    cost = torch.cdist(x, y)
    rows, columns = {call}
    rows, columns = torch.as_tensor(rows), torch.as_tensor(columns)
    return cost[rows, columns].sum(), columns

torch.manual_seed(0)
for size in (3, 4):
    print(matched(torch.rand(4, 2), torch.rand(size, 2)))
"""


RULE = Rule(
    title="linear_sum_assignment becomes an operator",
    answers=("skipped-function", "compiled-extension"),
    legal="""
        SciPy's linear_sum_assignment is called with one matrix, a tensor or an array of one, and maybe `maximize`. It
        gives two arrays of whole numbers, as long as the shorter side of the matrix, which the operator's fake says.
        It draws nothing and changes nothing. What is given back is NumPy's arrays, as before. SAFE where the matrix is
        detached; else ASK, since NumPy refuses a tensor that requires gradients and the operator takes it.
        """,
    safety=Safety.SAFE,
    propose=propose,
    rank=25,
    examples=(
        Example(
            "boxes are matched with targets",
            _script("linear_sum_assignment(cost.detach().cpu().numpy())"),
            _script("_assign(cost.detach().cpu())", _OPERATOR),
        ),
        Example(
            "a tensor, and the greatest sum",
            _script("linear_sum_assignment(cost, maximize=True)"),
            _script("_assign(cost, maximize=True)", _OPERATOR),
        ),
    ),
    negatives=(
        Negative(
            "a list of lists",
            _script("linear_sum_assignment([[float(len(x)), 2.0], [3.0, 1.0]])"),
        ),
        Negative(
            "its arguments are unpacked",
            _script("linear_sum_assignment(*(cost.numpy(),))"),
        ),
        Negative(
            "the solver is another one inside of the function",
            _script(
                "solve(cost.numpy())",
                extra="\n    solve = linear_sum_assignment",
            ),
        ),
    ),
)
