"""A call on plain values that Dynamo does not follow is made as the graph is recorded, and gives a constant of it."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._imported import imported
from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._names import nodes
from g2.rewrite.rules._ordered_effect import fitting, local_names, unsteady_names
from g2.rewrite.site import Site

# What gives the same for equal plain arguments, and does nothing else.
_PURE = frozenset((
    "json.dumps", "pickle.dumps", "zlib.crc32", "zlib.adler32", "binascii.crc32", "base64.b64encode", "textwrap.dedent",
    *(f"hashlib.{name}" for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b", "blake2s")),
))  # fmt: skip
_METHODS = frozenset(("hexdigest", "digest", "encode", "decode", "hex", "lower", "upper", "strip"))
_BUILTINS = frozenset(("len", "int", "float", "str", "repr", "bytes", "round", "min", "max", "abs", "sum"))
_PLAIN = (cst.BaseNumber, cst.SimpleString, cst.ConcatenatedString, cst.BinaryOperation, cst.UnaryOperation)
_SHARED = "pickle writes what several parts share once, and some that are shared now may only be equal then"


def _propose(site: Site) -> Iterator[Proposal | Left]:
    found = _whole(site)
    if found is None:
        return
    whole, name = found
    piece, kinds = site.piece, Kinds(site)
    head = dotted(name).partition(".")[0]
    if head in local_names(site) | unsteady_names(site.source):
        yield Left(f"`{dotted(name)}` is not known at the top of the file")
        return
    if "jit.script" in site.source.text:
        yield Left("the file uses TorchScript, which knows no constants made in Python")
        return
    leaves = _leaves(site, whole)
    for leaf in leaves:
        if kinds.of(leaf).name in ("tensor", "array", "module"):
            yield Left(f"`{dotted(leaf)}` is no plain value")
            return
    torch = kinds.names.torch
    called = {dotted(one.func).partition(".")[0] for one in nodes(whole) if isinstance(one, cst.Call)}
    names = _parameters(leaves, called)
    code = piece.code(whole)
    start = piece.bounds(whole)[0]
    for leaf in sorted(leaves, key=lambda node: piece.bounds(node)[0], reverse=True):
        first, last = (offset - start for offset in piece.bounds(leaf))
        code = f"{code[:first]}{names[dotted(leaf)]}{code[last:]}"
    wish = f"_{dotted(name).rpartition('.')[2]}"
    made, text = fitting(
        site,
        wish,
        lambda called: (
            f"@{torch}.compiler.assume_constant_result\ndef {called}({', '.join(names.values())}):\n    return {code}"
        ),
    )
    pickled = imported(site.source, name).startswith("pickle.")
    yield Proposal(
        rule="",
        summary="the call is made as the graph is recorded, and its result is a constant there",
        safety=Safety.ASK if pickled else Safety.SAFE,
        files=(
            FileEdits(
                site.source.path,
                (piece.replace(whole, f"{made}({', '.join(names)})"),),
                kinds.names.imports,
                (text,) if text else (),
            ),
        ),
        caveat=f"{_SHARED[:1].upper()}{_SHARED[1:]}." if pickled else "",
    )


def _whole(site: Site) -> tuple[cst.BaseExpression, cst.BaseExpression] | None:
    """The largest expression around the place that is computed of such calls alone, and the function of the first."""
    piece = site.piece
    best: cst.BaseExpression | None = None
    for node in (site.node, *piece.ancestors(site.node)):
        if isinstance(node, cst.BaseStatement):
            break
        if isinstance(node, cst.BaseExpression) and _computed(site, node):
            best = node
    if best is None:
        return None
    called = [one.func for one in nodes(best) if isinstance(one, cst.Call) and _pure(site, one)]
    return (best, called[0]) if called else None


def _pure(site: Site, call: cst.Call) -> bool:
    return imported(site.source, call.func) in _PURE


def _computed(site: Site, node: cst.BaseExpression) -> bool:
    """Whether it is made of plain parts and calls that are known."""
    parts = _parts(site, node)
    return parts is not None and all(_computed(site, one) for one in parts)


def _parts(site: Site, node: cst.BaseExpression) -> list[cst.BaseExpression] | None:
    """The expressions that it computes with; None for what is no such call and no plain part."""
    if isinstance(node, cst.Call):
        given, func = [arg.value for arg in node.args], node.func
        if any(arg.star for arg in node.args):
            return None
        if _pure(site, node) or (isinstance(func, cst.Name) and func.value in _BUILTINS):
            return given
        method = isinstance(func, cst.Attribute) and func.attr.value in _METHODS
        return [func.value, *given] if method and isinstance(func, cst.Attribute) else None
    if isinstance(node, (cst.Name, cst.Attribute)):
        return [] if dotted(node) else None
    if isinstance(node, _PLAIN):
        return [one for one in node.children if isinstance(one, cst.BaseExpression)]
    return None


def _leaves(site: Site, node: cst.BaseExpression) -> list[cst.BaseExpression]:
    """Names and attributes that it reads."""
    if isinstance(node, (cst.Name, cst.Attribute)):
        return [] if dotted(node) in ("True", "False", "None") else [node]
    return [leaf for part in _parts(site, node) or () for leaf in _leaves(site, part)]


def _parameters(leaves: list[cst.BaseExpression], called: set[str]) -> dict[str, str]:
    """Names for what is read, by how it is written; none is that of something called."""
    names: dict[str, str] = {}
    for written in dict.fromkeys(dotted(leaf) for leaf in leaves):
        name = written.rpartition(".")[2].lstrip("_") or "value"
        while name in called or name in names.values():
            name += "_"
        names[written] = name
    return names


_HEAD = """\
import hashlib
import json
import pickle
import zlib

import torch
"""


def _script(line: str, helper: str = "", init: str = 'self.settings = {"layers": [1, 2]}') -> str:
    return f"""\
{_HEAD}{helper}

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(4, 4)
        {init}

    def forward(self, x):
        h = self.fc(x)
        {line}
        return h * size

torch.manual_seed(0)
net = torch.compile(Net())
print(net(torch.ones(2, 4)).sum().item())
"""


def _helper(text: str) -> str:
    return f"\n\n@torch.compiler.assume_constant_result\n{text}\n"


RULE = Rule(
    title="a call on plain values becomes a constant of the graph",
    answers=("copy-or-pickle", "skipped-function", "object-operation", "compiled-extension", "unusual-call"),
    legal="""
        The call gives the same for equal arguments and does nothing else, and all that it is given are numbers, strings
        and containers of them. Dynamo calls it as it records the graph and guards what it read: when a setting changes,
        the graph is made anew. ASK for pickle, whose bytes also depend on which parts are the same object.
        """,
    safety=Safety.SAFE,
    propose=_propose,
    rank=28,
    examples=(
        Example(
            "a digest",
            _script("size = len(hashlib.sha1(self.name.encode()).hexdigest())  # a key", init='self.name = "net"'),
            _script(
                "size = _sha1(self.name)  # a key",
                _helper("def _sha1(name):\n    return len(hashlib.sha1(name.encode()).hexdigest())"),
                'self.name = "net"',
            ),
        ),
        Example(
            "settings in a fixed order, under a name that would hide what is called",
            _script("size = zlib.crc32(json.dumps(self.json, sort_keys=True).encode())", init='self.json = {"b": 2}'),
            _script(
                "size = _crc32(self.json)",
                _helper("def _crc32(json_):\n    return zlib.crc32(json.dumps(json_, sort_keys=True).encode())"),
                'self.json = {"b": 2}',
            ),
        ),
        Example(
            "settings that are pickled",
            _script("size = len(pickle.dumps(self.settings))"),
            _script(
                "size = _dumps(self.settings)",
                _helper("def _dumps(settings):\n    return len(pickle.dumps(settings))"),
            ),
        ),
    ),
    negatives=(
        Negative("an address is hashed", _script("size = len(hashlib.sha1(str(id(self)).encode()).hexdigest())")),
        Negative("a tensor is pickled", _script("size = len(pickle.dumps(x))")),
        Negative(
            "it is called through a name of the function",
            _script("dumps = pickle.dumps; size = len(dumps(self.settings))"),
        ),
    ),
)
