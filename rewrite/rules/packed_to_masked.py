"""A recurrent net over packed sequences runs over the padded batch; what is behind each end is zeroed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Rule
from g2.rewrite.rules._kinds import dotted
from g2.rewrite.rules._names import reads, scope
from g2.rewrite.rules._options import options_edit
from g2.rewrite.rules._packed_examples import EXAMPLES, NEGATIVES
from g2.rewrite.rules._torch_name import torch_names
from g2.rewrite.site import Site

_RNN = "torch.nn.utils.rnn."
_EMPTY = "Length of all samples has to be greater than 0"

_UNFIT = {
    "bidirectional": "the net runs backwards too, from the padding's end",
    "dropout": "dropout between the net's layers would draw other numbers",
}


@dataclass(frozen=True, slots=True)
class _Packing:
    """The statements from packing to unpacking, and their parts as written."""

    first: cst.SimpleStatementLine
    last: cst.SimpleStatementLine
    padded: str
    lengths: str
    net: str
    out: str
    whole: bool  # total_length is given: nothing is cut off


def _propose(site: Site) -> Iterator[Proposal | Left]:
    found = _packing(site)
    if found is None:
        return
    if isinstance(found, Left):
        yield found
        return
    options = {"allow_rnn": True} if found.whole else {"allow_rnn": True, "capture_scalar_outputs": True}
    setting = options_edit(site, options)
    if isinstance(setting, Left) and "already" not in setting.why:
        yield setting
        return
    piece, torch = site.piece, torch_names(site.source).torch
    out, lengths = found.out, found.lengths
    lines = [f'{torch}._check(int({lengths}.min()) > 0, lambda: "{_EMPTY}")'] if not found.whole else []
    steps = f"{out}.shape[1]"
    run = f"{out} = {found.net}({found.padded})[0]"
    if not found.whole:
        steps = piece.fresh("longest")
        lines.append(f"{steps} = int({lengths}.max())")
        run += f"[:, :{steps}]"
    ended = piece.fresh("ended")
    lines += [
        run,
        f"{ended} = {torch}.arange({steps}, device={out}.device) >= {lengths}.to({out}.device).unsqueeze(1)",
        f"{out} = {out}.masked_fill({ended}.unsqueeze(-1), 0)",
    ]
    start, end = piece.bounds(found.first)[0], piece.bounds(found.last)[1]
    edit = Edit(start, end, f"\n{piece.indent(found.first)}".join(lines))
    own = FileEdits(site.source.path, (edit,), imports=torch_names(site.source).imports)
    files: tuple[FileEdits, ...] = (own,)
    if isinstance(setting, FileEdits) and setting.path == own.path:
        edits, imports = tuple(sorted((edit, *setting.edits))), (*own.imports, *setting.imports)
        files = (FileEdits(own.path, edits, imports, setting.helpers),)
    elif isinstance(setting, FileEdits):
        files = (own, setting)
    yield Proposal(
        rule="",
        summary=f"{found.net} runs over the padded batch, and what is behind each end is zeroed",
        safety=Safety.ASK,
        files=files,
        caveat="the net also computes the padding, which costs time, and results differ by rounding",
        differs=frozenset({"exception-type"}),
    )


def _packing(site: Site) -> _Packing | Left | None:
    piece = site.piece
    statement = piece.statement(site.node)
    block = piece.parent(statement) if statement is not None else None
    if not isinstance(statement, cst.SimpleStatementLine) or not isinstance(block, cst.IndentedBlock):
        return None
    lines = list(block.body)
    here = next(at for at, one in enumerate(lines) if one is statement)
    for at in range(max(here - 2, 0), here + 1):
        pack = _assigned(site, lines[at], "pack_padded_sequence")
        if pack is not None:
            return _from(site, lines[at : at + 3], *pack)
    return None


def _from(site: Site, lines: list[cst.BaseStatement], packed: str, call: cst.Call) -> _Packing | Left:
    piece = site.piece
    given = _arguments(call, "input", "lengths", "batch_first", "enforce_sorted")
    if "input" not in given or "lengths" not in given or not _is(given.get("batch_first"), "True"):
        return Left("the batch is not the first dimension")
    middle = ""
    net: cst.BaseExpression | None = None
    if len(lines) > 2 and (unpack := _assigned(site, lines[2], "pad_packed_sequence")) is not None:
        line = lines[1].body[0] if isinstance(lines[1], cst.SimpleStatementLine) else None
        if not isinstance(line, cst.Assign) or not isinstance(line.targets[0].target, cst.Tuple):
            return Left("what stands between packing and unpacking is not one call of a recurrent net")
        first, *rest = [piece.code(element.value) for element in line.targets[0].target.elements]
        if len(rest) != 1 or _used(site, rest[0], lines[1]):
            return Left("the net's last state is used, which padding would change")
        middle, net, last = first, line.value, lines[2]
    elif len(lines) > 1 and (unpack := _assigned(site, lines[1], "pad_packed_sequence")) is not None:
        last = lines[1]
    else:
        return Left("the sequences are not unpacked again right behind")
    out, call = unpack
    opened = _arguments(call, "sequence", "batch_first", "padding_value", "total_length")
    if "sequence" not in opened or not _is(opened.get("batch_first"), "True") or "padding_value" in opened:
        return Left("the batch is not the first dimension, or another value than zero is put behind the ends")
    name, _, sizes = out.partition(",")
    if not sizes or _used(site, sizes.strip(" ()"), last):
        return Left("the lengths that unpacking gives are used")
    sequence = opened["sequence"]
    if net is None:
        if not (isinstance(sequence, cst.Subscript) and piece.code(sequence).endswith("[0]")):
            return Left("what is unpacked is not the output of a recurrent net")
        net = sequence.value
    elif piece.code(sequence) != middle:
        return Left("what is unpacked is not the output of a recurrent net")
    if not isinstance(net, cst.Call) or len(net.args) != 1 or piece.code(net.args[0].value) != packed:
        return Left("the recurrent net is given more than the packed sequences")
    if why := _unfit(site, piece.code(net.func)):
        return Left(why)
    first_line = lines[0]
    assert isinstance(first_line, cst.SimpleStatementLine) and isinstance(last, cst.SimpleStatementLine)
    lengths = piece.code(given["lengths"])
    for suffix in (".cpu()", '.to("cpu")', ".to('cpu')"):
        lengths = lengths.removesuffix(suffix)
    if not lengths.replace(".", "").isidentifier():
        return Left("the lengths have no name")
    if len(reads(piece, scope(piece, site.node), packed)) > 1:
        return Left("the packed sequences are used elsewhere too")
    whole = "total_length" in opened
    padded, made = piece.code(given["input"]), name.strip(" (")
    return _Packing(first_line, last, padded, lengths, piece.code(net.func), made, whole)


def _assigned(site: Site, line: cst.BaseStatement, function: str) -> tuple[str, cst.Call] | None:
    """The target as written, and the call, of `target = function(...)`."""
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
        return None
    one = line.body[0]
    if not isinstance(one, cst.Assign) or len(one.targets) != 1 or not isinstance(one.value, cst.Call):
        return None
    name = torch_names(site.source).dotted(dotted(one.value.func))
    known = name == _RNN + function or name.endswith(f"rnn.{function}") or name == function
    return (site.piece.code(one.targets[0].target), one.value) if known else None


def _arguments(call: cst.Call, *names: str) -> dict[str, cst.BaseExpression]:
    found = {}
    for at, arg in enumerate(call.args):
        name = arg.keyword.value if arg.keyword is not None else names[at] if at < len(names) else ""
        found[name] = arg.value
    return found


def _is(node: cst.BaseExpression | None, name: str) -> bool:
    return isinstance(node, cst.Name) and node.value == name


def _used(site: Site, code: str, line: cst.BaseStatement) -> bool:
    """Whether any name of an assigned target is read behind a statement."""
    end = site.piece.bounds(line)[1]
    names = {n.id for n in ast.walk(ast.parse(code or "_")) if isinstance(n, ast.Name)}
    tree = scope(site.piece, site.node)
    return any(site.piece.bounds(one)[0] >= end for name in names for one in reads(site.piece, tree, name))


def _unfit(site: Site, net: str) -> str | None:
    """Why the recurrent net would give something else over a padded batch, told from where the file makes it."""
    assigned = [n for n in ast.walk(site.source.tree) if isinstance(n, ast.Assign) and isinstance(n.value, ast.Call)]
    made = [n.value for n in assigned if any(ast.unparse(target) == net for target in n.targets)]
    for call in made:
        assert isinstance(call, ast.Call)
        if ast.unparse(call.func).rpartition(".")[2] not in ("LSTM", "GRU", "RNN"):
            return f"`{net}` is not one of torch's recurrent nets"
        options = {k.arg: k.value for k in call.keywords}
        if None in options or len(call.args) > 5:
            return "how the net is made was not read"
        for name, why in _UNFIT.items():
            value = options.get(name)
            if value is not None and not (isinstance(value, ast.Constant) and not value.value):
                return why
    return None if made else f"how `{net}` is made was not found"


RULE = Rule(
    title="packed sequences become a masked batch",
    answers=("packed-sequence", "rnn-module", "skipped-function"),
    legal="""
        Packing, one recurrent net of torch's and unpacking follow each other, batch first; the net runs in one
        direction and has no dropout between layers, so the outputs up to each end do not depend on what is behind it;
        neither its last state nor the lengths that unpacking gives are used. What is behind the ends is zeroed and cut
        at the longest, as unpacking does. Two options of Dynamo come with it (allow_rnn, and capture_scalar_outputs for
        the longest length). ASK: it computes the padding too, and results differ by rounding.
        """,
    safety=Safety.ASK,
    propose=_propose,
    rank=30,
    examples=EXAMPLES,
    negatives=NEGATIVES,
)
