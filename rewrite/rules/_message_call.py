"""A print, a log record or a warning as a statement of its own, and the operator that it becomes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import FileEdits, Left, Proposal, Safety
from g2.rewrite.rules._branches import asked, branch
from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._layout import comments, joined
from g2.rewrite.rules._names import nodes
from g2.rewrite.rules._operator_body import NotTaken, OperatorBody, Parameter, Taker
from g2.rewrite.rules._ordered_effect import fitting, helper, local_names, space, unsteady_names
from g2.rewrite.rules._truth import truth
from g2.rewrite.site import Site

REASONS = ("print-call", "logging-call", "warning-call")
_LEVELS = ["debug", "info", "warning", "warn", "error", "critical", "log", "fatal"]
_LOG = frozenset(_LEVELS) | {f"{level}_once" for level in _LEVELS} | {"warning_advice", "msg"}
_GRAPHS = re.compile(r"reduce-overhead|max-autotune(?!-no-cudagraphs)|cudagraphs")


def proposals(site: Site) -> Iterator[Proposal | Left]:
    """What a rule says of the place."""
    call = _call(site)
    if call is None:
        if site.target.reason in REASONS:
            yield Left("the message is part of another expression")
        return
    why = _refused(site, call)
    if why:
        yield Left(why)
        return
    try:
        message = Taker(Kinds(site), local_names(site), unsteady_names(site.source)).take(call)
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
            return node.value if site.target.reason in REASONS or _known(dotted(node.value.func)) else None
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
    keywords = {argument.keyword.value for argument in call.args if argument.keyword}
    if name.endswith(".exception") or keywords & {"exc_info", "stack_info"}:
        return "the message shows the exception that is being handled, or the stack"
    if "jit.script" in site.source.text:
        return "the file uses TorchScript, which knows no operators written in Python"
    if piece.function is None:
        return "it stands in no function"
    if any(isinstance(one, (cst.Await, cst.Yield)) for one in nodes(call)):
        return "the message waits or yields"
    return ""


def reported(site: Site) -> Iterator[Proposal | Left]:
    """What a rule says of a branch on a tensor that does nothing but to send a message."""
    found = branch(site)
    call = _only(found, site) if isinstance(found, cst.If) else None
    if call is None or not isinstance(found, cst.If):
        return
    kinds = asked(site)
    condition = truth(found.test, kinds)
    why = _refused(site, call)
    if condition is None or condition.mixed:
        why = "the condition of the message is not a single truth of one tensor"
    if why or condition is None:
        yield Left(why)
        return
    try:
        message = Taker(kinds, local_names(site), unsteady_names(site.source)).take(call)
    except NotTaken as error:
        yield Left(str(error))
        return
    taken = {one.name for one in message.parameters}
    name = next(one for one in ("condition", "shown", "condition_2") if one not in taken)
    message.parameters.insert(0, Parameter(name, "Tensor", joined(condition.plain())))
    yield _proposal(site, call, message, found)


def _only(found: cst.If, site: Site) -> cst.Call | None:
    """The message that is all that a branch without another way does."""
    above = site.piece.parent(found)
    if found.orelse is not None or (isinstance(above, cst.If) and above.orelse is found) or len(found.body.body) != 1:
        return None
    line = found.body.body[0]
    only = line.body[0] if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 else line
    call = only.value if isinstance(only, cst.Expr) else None
    return call if isinstance(call, cst.Call) and _known(dotted(call.func)) else None


def _proposal(site: Site, call: cst.Call, message: OperatorBody, under: cst.If | None = None) -> Proposal:
    """`under`: the branch that the message is all of; then the first parameter says whether it is sent."""
    piece, callee = site.piece, dotted(call.func)
    warns = callee.endswith("warnings.warn") or callee == "warn"
    names = Kinds(site).names
    parameters, body = message.parameters, _indented(piece.code(call), message.text, piece.indent(call))
    wish = f"_{_verb(callee)}{_topic(call)}{_ordinal(site, call)}"
    generic = not warns and _one_text(call) and all(one.annotation in ("str", "bool") for one in parameters)
    if generic:
        wish, parameters = f"_{_verb(callee)}", [Parameter("message", "str", "")]
        body = f"{piece.code(call.func)}(message)"
    if under is not None:
        lines = body.split("\n")
        body = f"if {parameters[0].name}:\n        " + "\n".join([lines[0], *(f"    {line}" for line in lines[1:])])
    name, text = fitting(site, wish, lambda name: helper(names.torch, space(site.source.path), name, parameters, body))
    given = f"{name}({', '.join(one.argument for one in parameters)})"
    if generic:
        edit = piece.replace(call.func, name)
    elif under is not None:
        edit = piece.replace(under, "\n".join([*comments(piece, under), given]))
    else:
        edit = piece.replace(call, given)
    caveat, differs = _caveat(site, call, message, warns)
    return Proposal(
        rule="",
        summary="the message becomes an operator with an ordered effect, which the graph keeps in its place",
        safety=Safety.ASK if caveat else Safety.SAFE,
        files=(FileEdits(site.source.path, (edit,), names.imports, (text,) if text else ()),),
        tests=() if under is None else (piece.span(under.test),),
        caveat=caveat,
        differs=differs,
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


def _indented(before: str, body: str, indent: str) -> str:
    """The body's further lines, moved from where the message stood to four characters."""
    if '"""' in before or "'''" in before:
        return body
    lines = body.split("\n")
    return "\n".join([lines[0], *(("    " + line.removeprefix(indent)).rstrip() for line in lines[1:])])


def _caveat(site: Site, call: cst.Call, message: OperatorBody, warns: bool) -> tuple[str, frozenset[str]]:
    differs = frozenset({"warning-text"}) if warns else frozenset()
    if any(_GRAPHS.search(text) for text in (site.source.text, _script(site))):
        return (
            "a CUDA graph is replayed without Python: on a GPU the message may come only while the graph is recorded",
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
