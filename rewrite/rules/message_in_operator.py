"""A print, a log record or a warning becomes an operator with an ordered effect, which the graph keeps in its place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import libcst as cst

from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._operator_body import NotTaken, OperatorBody, Taker
from g2.rewrite.rules._names import bindings, nodes
from g2.rewrite.site import Site
from g2.rewrite.source import Source

_REASONS = ("print-call", "logging-call", "warning-call")
_LEVELS = "debug info warning warn error critical log fatal".split()
_LOG = frozenset(_LEVELS) | {f"{level}_once" for level in _LEVELS} | {"warning_advice", "msg"}
_GRAPHS = re.compile(r"reduce-overhead|max-autotune(?!-no-cudagraphs)|cudagraphs")


def _propose(site: Site) -> Iterator[Proposal | Left]:
    call = _call(site)
    if call is None:
        if site.target.reason in _REASONS:
            yield Left("the message is part of another expression")
        return
    why = _refused(site, call)
    if why:
        yield Left(why)
        return
    try:
        message = Taker(Kinds(site), _locals(site), _unsteady(site.source)).take(call)
    except NotTaken as error:
        yield Left(str(error))
        return
    yield _proposal(site, call, message)


def _call(site: Site) -> cst.Call | None:
    """The message around the place: a call that is a statement of its own."""
    piece = site.piece
    for node in (site.node, *piece.ancestors(site.node)):
        if isinstance(node, cst.SimpleStatementLine) and len(node.body) == 1:
            node = node.body[0]
        if isinstance(node, cst.Expr) and isinstance(node.value, cst.Call):
            return node.value if site.target.reason in _REASONS or _known(dotted(node.value.func)) else None
        if isinstance(node, cst.BaseStatement):
            break
    return None


def _known(name: str) -> bool:
    owner, _, method = name.rpartition(".")
    if name in ("print", "pprint", "pprint.pprint", "warnings.warn", "sys.stdout.write", "sys.stderr.write"):
        return True
    return method in _LOG and "log" in owner.lower()


def _refused(site: Site, call: cst.Call) -> str:
    piece, name = site.piece, dotted(call.func)
    if not name:
        return "what is called is computed in the message"
    if name.endswith(".exception") or any(a.keyword and a.keyword.value in ("exc_info", "stack_info") for a in call.args):
        return "the message shows the exception that is being handled, or the stack"
    if "jit.script" in site.source.text:
        return "the file uses TorchScript, which knows no operators written in Python"
    if piece.function is None:
        return "it stands in no function"
    if any(isinstance(one, (cst.Await, cst.Yield)) for one in nodes(call)):
        return "the message waits or yields"
    return ""


def _locals(site: Site) -> frozenset[str]:
    """Names that belong to a function around the place."""
    piece = site.piece
    found = set()
    for above in piece.ancestors(site.node):
        if isinstance(above, (cst.FunctionDef, cst.Lambda, cst.CompFor, cst.ListComp, cst.GeneratorExp, cst.DictComp)):
            names = {one.value for one in nodes(above) if isinstance(one, cst.Name)}
            found |= {name for name in names if bindings(piece, above, name)}
    return frozenset(found)


def _unsteady(source: Source) -> frozenset[str]:
    """Names at the top of the file that get other values while the program runs."""
    found = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Global):
            found |= set(node.names)
    return frozenset(found)


def _proposal(site: Site, call: cst.Call, message: OperatorBody) -> Proposal:
    source, piece = site.source, site.piece
    callee = dotted(call.func)
    warns = callee.endswith("warnings.warn") or callee == "warn"
    names = Kinds(site).names
    generic = not warns and _one_text(call) and all(one.annotation in ("str", "bool") for one in message.parameters)
    torch = names.torch
    if generic:
        wish, parameters, edit = f"_{_verb(callee)}", "message: str", piece.replace(call.func, "{}")
        body, arguments = f"{piece.code(call.func)}(message)", "message"
    else:
        wish = f"_{_verb(callee)}{_topic(call)}{_ordinal(site, call)}"
        parameters = ", ".join(f"{p.name}: {_annotation(p.annotation, torch)}" for p in message.parameters)
        arguments = ", ".join(p.name for p in message.parameters)
        body = _indented(piece.code(call), message.text, piece.indent(call))
        edit = piece.replace(call, "{}(" + ", ".join(p.argument for p in message.parameters) + ")")
    name = wish
    helper = _helper(torch, _space(source.path), name, parameters, arguments, body)
    if helper not in source.text:
        name = piece.fresh(wish)
        helper = _helper(torch, _space(source.path), name, parameters, arguments, body)
    on_disk = helper in source.data.decode(source.encoding, "replace").replace("\r\n", "\n")
    caveat, differs = _caveat(site, call, message, warns)
    return Proposal(
        rule="",
        summary="the message becomes an operator with an ordered effect, which the graph keeps in its place",
        safety=Safety.ASK if caveat else Safety.SAFE,
        files=(
            FileEdits(
                source.path,
                (Edit(edit.start, edit.end, edit.text.replace("{}", name, 1)),),
                names.imports,
                () if on_disk else (helper,),
            ),
        ),
        caveat=caveat,
        differs=differs,
    )


def _helper(torch: str, space: str, name: str, parameters: str, arguments: str, body: str) -> str:
    fake = f"lambda {arguments}: None" if arguments else "lambda: None"
    return (
        f'@{torch}.library.custom_op("{space}::{name.strip("_")}", mutates_args=())\n'
        f"def {name}({parameters}) -> None:\n"
        f"    {body}\n\n\n"
        f"{name}.register_fake({fake})\n"
        f"# torch.compile keeps an operator with an ordered effect at its place in the graph.\n"
        f"{name}.register_effect({torch}.library.EffectType.ORDERED)"
    )


def _one_text(call: cst.Call) -> bool:
    """One text and nothing else, not even something to be formatted later."""
    if len(call.args) != 1 or call.args[0].keyword is not None:
        return False
    return isinstance(call.args[0].value, (cst.SimpleString, cst.ConcatenatedString, cst.FormattedString))


def _verb(callee: str) -> str:
    if callee.endswith("warnings.warn") or callee == "warn":
        return "warn"
    method = callee.rpartition(".")[2].strip("_")
    return f"log_{method}" if method in _LOG else "print" if method in ("print", "write") else method


def _topic(call: cst.Call) -> str:
    """Two words of the first text, for the operator's name."""
    for one in nodes(call):
        if isinstance(one, (cst.SimpleString, cst.FormattedStringText)):
            words = re.findall(r"[a-z]{3,}", re.sub(r"%[-\d.]*\w|\{.*?\}", " ", one.value.lower()))
            if words:
                return "".join(f"_{word}" for word in words[:2])
    return ""


def _ordinal(site: Site, call: cst.Call) -> str:
    """A number where messages before this one in the file would get the same name."""
    piece = site.piece
    mine = (_verb(dotted(call.func)), _topic(call))
    earlier = 0
    for one in nodes(piece.source.whole.module):
        if isinstance(one, cst.Expr) and isinstance(one.value, cst.Call):
            if piece.source.whole.bounds(one.value)[0] >= piece.bounds(call)[0]:
                break
            earlier += (_verb(dotted(one.value.func)), _topic(one.value)) == mine
    return f"_{earlier + 1}" if earlier else ""


def _annotation(written: str, torch: str) -> str:
    return f"{torch}.{written}" if written in ("Tensor", "dtype", "device") else written


def _indented(before: str, body: str, indent: str) -> str:
    """The body's further lines, moved from where the message stood to four characters."""
    if '"""' in before or "'''" in before:
        return body
    lines = body.split("\n")
    return "\n".join([lines[0], *(("    " + line.removeprefix(indent)).rstrip() for line in lines[1:])])


def _space(path: str) -> str:
    """A namespace of operators for the file: its package and its name."""
    file = Path(path)
    top = file.parent
    while (top.parent / "__init__.py").exists():
        top = top.parent
    parts = [top.name, file.stem] if (top / "__init__.py").exists() else [file.stem]
    space = re.sub(r"\W", "_", "_".join(parts), flags=re.ASCII).strip("_")
    return space if space[:1].isalpha() else f"m{space}"


def _caveat(site: Site, call: cst.Call, message: OperatorBody, warns: bool) -> tuple[str, frozenset[str]]:
    differs = frozenset({"warning-text"}) if warns else frozenset()
    if any(_GRAPHS.search(text) for text in (site.source.text, _script(site))):
        return (
            "a CUDA graph is replayed without Python, so on a GPU the message may come only while the graph is recorded",
            differs,
        )
    if warns and any(a.keyword and a.keyword.value in ("stacklevel", "source") for a in call.args[1:]):
        return "the line that the warning names is another one", differs
    if any(one.grad for one in message.parameters):
        return "compiled by AOTAutograd or Inductor, the tensor's text is without its grad_fn", differs
    return "", differs


def _script(site: Site) -> str:
    try:
        return site.read(site.script).text if site.script else ""
    except Exception:  # a script that cannot be read says nothing
        return ""


RULE = Rule(
    title="a message becomes an operator with an ordered effect",
    answers=(*_REASONS, "tensor-as-text", "host-value", "clock-read"),
    legal="The message is a statement of its own, what it calls is known at the top of the file, and every value that it "
    "shows is a tensor, a number, a bool, a text, a shape, a dtype or a device, as the run saw it. Such values are "
    "handed to an operator, whose body is the message as it was. torch.library's ORDERED effect keeps it in the graph, "
    "once a call and in its order, under Dynamo, AOTAutograd and Inductor.",
    safety=Safety.SAFE,
    propose=_propose,
    examples=(),
    negatives=(),
    rank=20,
)
_ = (Example, Negative)
