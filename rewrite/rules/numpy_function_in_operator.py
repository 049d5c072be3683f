"""A function that makes an array with NumPy's random numbers is called by an operator with an ordered effect."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.plan import absolute
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._array_made import Made, NotMade, made
from g2.rewrite.rules._dead import without
from g2.rewrite.rules._kinds import dotted
from g2.rewrite.rules._operator_body import Parameter
from g2.rewrite.rules._ordered_effect import fitting, helper, space
from g2.rewrite.rules._torch_name import TorchNames, torch_names
from g2.rewrite.site import Site
from g2.rewrite.source import Piece, Unreadable


def propose(site: Site) -> Iterator[Proposal | Left]:
    function = _function(site)
    if function is None:
        return
    try:
        array = made(function, site.source)
        names = torch_names(site.source)
        piece, assign, call = _call(site, function.name)
        taken = _handed(function, call, piece)
        behind = _turned(piece, assign, array, names)
    except NotMade as refused:
        yield Left(str(refused))
        return
    parameters = [Parameter(name, kind.replace("Tensor", f"{names.torch}.Tensor"), "") for name, kind in taken]
    given = ", ".join(f"tuple({name})" if kind.startswith("list") else name for name, kind in taken)
    name, text = fitting(
        site,
        f"{function.name}_operator",
        lambda name: helper(
            names.torch,
            space(site.source.path),
            name,
            parameters,
            f"return {names.torch}.from_numpy({function.name}({given}))",
            returns=f"{names.torch}.Tensor",
            fake=f"{names.torch}.empty({array.shape}, dtype={names.torch}.{array.dtype})",
        ),
    )
    edits = tuple(sorted((piece.replace(call.func, name), behind)))
    yield Proposal(
        rule="",
        summary="the array is made by an operator with an ordered effect, from the same random stream as before",
        safety=Safety.ASK,
        files=(FileEdits(site.source.path, edits, names.imports, (text,) if text else ()),),
        caveat=f"Whatever else {function.name} reads than its arguments is read as the operator runs.",
    )


def _function(site: Site) -> ast.FunctionDef | None:
    """The function at the top of the file in which the place stands."""
    around = [
        node
        for node in site.source.tree.body
        if isinstance(node, ast.FunctionDef) and node.lineno <= site.span.line <= (node.end_lineno or node.lineno)
    ]
    return around[0] if around and not around[0].decorator_list else None


def _call(site: Site, name: str) -> tuple[Piece, cst.Assign, cst.Call]:
    """The call in the same file that led there, as `x = name(...)`. Raises NotMade."""
    place = site.place
    for frame in reversed(place.stack if place is not None else ()):
        if absolute(frame.span.path, site.session.cwd) != site.source.path or frame.function.rpartition(".")[2] == name:
            continue
        try:
            piece = site.source.piece(frame.span.line)
        except Unreadable as error:
            raise NotMade(str(error)) from None
        node = piece.find(frame.span)
        for one in (node, *(piece.ancestors(node) if node is not None else ())):
            if isinstance(one, cst.Assign) and isinstance(one.value, cst.Call) and dotted(one.value.func) == name:
                return piece, one, one.value
        break
    raise NotMade(f"the call of `{name}` that led there is not `x = {name}(...)` in the same file")


def _handed(function: ast.FunctionDef, call: cst.Call, piece: Piece) -> list[tuple[str, str]]:
    """The parameters that the call gives, in their order, with the operator's annotations. Raises NotMade."""
    arguments = function.args
    if arguments.vararg or arguments.kwarg or arguments.posonlyargs or arguments.kwonlyargs:
        raise NotMade(f"`{function.name}` has other parameters than plain ones")
    if any(arg.star for arg in call.args):
        raise NotMade("arguments are unpacked")
    number = sum(arg.keyword is None for arg in call.args)
    keywords = {arg.keyword.value for arg in call.args if arg.keyword is not None}
    found: list[tuple[str, str]] = []
    for index, arg in enumerate(arguments.args):
        if index >= number and arg.arg not in keywords:
            if any(one.arg in keywords for one in arguments.args[index:]):
                raise NotMade(f"the call leaves out `{arg.arg}`, which stands before another")
            break
        kind = _KINDS.get(ast.unparse(arg.annotation) if arg.annotation is not None else "")
        if kind is None:
            raise NotMade(f"of which type `{arg.arg}` is can't be told for an operator")
        found.append((arg.arg, kind))
    return found


def _turned(piece: Piece, assign: cst.Assign, array: Made, names: TorchNames) -> Edit:
    """Does without the statement right behind it that makes a tensor of the array. Raises NotMade."""
    target = assign.targets[0].target
    line = piece.statement(assign)
    block = piece.parent(line) if line is not None else None
    body = list(block.body) if isinstance(block, (cst.IndentedBlock, cst.Module)) else []
    place = next((index for index, one in enumerate(body) if one is line), len(body))
    following = body[place + 1] if place + 1 < len(body) else None
    call = again = None
    if isinstance(following, cst.SimpleStatementLine) and isinstance(following.body[0], cst.Assign):
        call = following.body[0].value
        again = following.body[0].targets[0].target
    if following is None or again is None or not isinstance(call, cst.Call) or not again.deep_equals(target):
        raise NotMade("the array does not become a tensor right behind the call")
    makers = ("torch.tensor", "torch.as_tensor", "torch.from_numpy")
    if not isinstance(target, cst.Name) or names.dotted(dotted(call.func)) not in makers:
        raise NotMade("the array does not become a tensor right behind the call")
    if not call.args or call.args[0].keyword is not None or not call.args[0].value.deep_equals(target):
        raise NotMade("the array does not become a tensor right behind the call")
    device = ""
    for arg in call.args[1:]:
        keyword, text = (arg.keyword.value if arg.keyword is not None else ""), piece.code(arg.value)
        if keyword == "device":
            device = text
        elif keyword != "dtype" or names.dotted(text) != f"torch.{array.dtype}":
            raise NotMade(f"`{piece.code(call)}` changes its dtype")
    return piece.replace(call, f"{target.value}.to({device})") if device else without(piece, following)


_KINDS = {
    "int": "int", "float": "float", "bool": "bool", "str": "str", "tuple[int, int]": "list[int]",
    "tuple[int, ...]": "list[int]", "list[int]": "list[int]", "Tuple[int, int]": "list[int]", "List[int]": "list[int]",
    "torch.Tensor": "Tensor", "torch.LongTensor": "Tensor", "torch.Tensor | None": "Tensor | None",
    "torch.LongTensor | None": "Tensor | None", "Optional[torch.Tensor]": "Tensor | None",
    "Optional[torch.LongTensor]": "Tensor | None",
}  # fmt: skip


def _script(makes: str, body: str, call: str = "masked((len(x), 3), 0.5)") -> str:
    then = f"mask = {makes}\n        " if makes else ""
    return f"""\
import numpy as np
import torch
from torch import nn


def masked(shape: tuple[int, int], chance: float, least: int = 0) -> np.ndarray:
{body}


class Net(nn.Module):
    def forward(self, x):
        mask = {call}
        {then}return torch.where(mask, x, 0.0)


np.random.seed(0)
net = Net()
for _ in range(3):
    print(net(torch.ones(2, 3)), np.random.rand())
"""


_BODY = """\
    rows, columns = shape
    mask = np.zeros((rows, columns), dtype=bool)
    for row in range(rows):
        places = np.random.choice(np.arange(columns), int(chance * columns), replace=False)
        mask[row, places] = True
    return mask"""

_OPERATOR = '''\
import numpy as np
import torch
from torch import nn


@torch.library.custom_op("example::masked_operator", mutates_args=())
def masked_operator(shape: list[int], chance: float) -> torch.Tensor:
    return torch.from_numpy(masked(tuple(shape), chance))


masked_operator.register_fake(lambda shape, chance: torch.empty(shape, dtype=torch.bool))
# torch.compile keeps an operator with an ordered effect at its place in the graph.
masked_operator.register_effect(torch.library.EffectType.ORDERED)
'''

RULE = Rule(
    title="a function of NumPy draws becomes an operator with an ordered effect",
    answers=("numpy-random", "numpy-on-numbers", "host-value"),
    legal="""
        The function stands at the top of the file and makes one array with np.zeros, np.ones, np.empty or np.full, of
        a shape that its arguments give and of a dtype that is written, and returns nothing else. Its arguments are
        numbers, tuples of whole numbers and tensors by their annotations, which it does not change. The caller makes a
        tensor of the array at once. The operator draws from the same stream, once a call and in the same order.
        """,
    safety=Safety.ASK,
    propose=propose,
    rank=30,
    examples=(
        Example(
            "a mask of random places",
            _script("torch.from_numpy(mask)", _BODY),
            _OPERATOR
            + _script("", _BODY, "masked_operator((len(x), 3), 0.5)").partition("import nn\n")[2],
        ),
    ),
    negatives=(
        Negative(
            "the shape is not the caller's",
            _script("torch.tensor(mask)", _BODY.replace("(rows, columns), d", "(rows, np.random.randint(3, 4)), d")),
        ),
        Negative("the tensor gets another dtype", _script("torch.tensor(mask, dtype=torch.float32) > 0", _BODY)),
        Negative(
            "it also prints",
            _script("torch.tensor(mask)", _BODY.replace("    return", '    print("made")\n    return')),
        ),
    ),
)
