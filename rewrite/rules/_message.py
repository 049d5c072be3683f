"""The message of an exception as far as it is known before the values are."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._layout import joined
from g2.rewrite.rules._names import nodes

_CONSTANT = ("number", "str", "bool", "none")


@dataclass(frozen=True, slots=True)
class Message:
    """`text`: an expression, the same message or, when not `whole`, what of it does not need a tensor's value."""

    text: str
    whole: bool
    exception: str


def message(raised: cst.Raise | None, said: cst.BaseExpression | None, kinds: Kinds) -> Message:
    """Of a `raise`, or of an `assert` with a message or without one."""
    exception = "AssertionError" if raised is None else "exception"
    if raised is not None:
        made = raised.exc
        if made is not None:
            exception = dotted(made.func if isinstance(made, cst.Call) else made).rpartition(".")[2]
        said = made.args[0].value if isinstance(made, cst.Call) and made.args and not made.args[0].star else None
    if said is None:
        return Message(repr_of(exception if raised is not None else "assertion failed"), True, exception)
    if isinstance(said, (cst.SimpleString, cst.ConcatenatedString)) and not _computed(said):
        return Message(joined(kinds.site.piece.code(said)), True, exception)
    if _constant(said, kinds):
        return Message(joined(kinds.site.piece.code(said)), True, exception)
    return Message(repr_of(_static(said) or exception), False, exception)


def repr_of(text: str) -> str:
    """A string literal in double quotes, where that needs no escapes."""
    return f'"{text}"' if text.isprintable() and not set(text) & {'"', "\\"} else repr(text)


def _computed(node: cst.CSTNode) -> bool:
    return any(isinstance(one, cst.FormattedString) for one in nodes(node))


def _constant(said: cst.BaseExpression, kinds: Kinds) -> bool:
    """Whether Dynamo knows the message while it traces: an f-string or format() of plain values, not of sizes."""
    if isinstance(said, (cst.FormattedString, cst.ConcatenatedString)):
        values = [one.expression for one in nodes(said) if isinstance(one, cst.FormattedStringExpression)]
    elif isinstance(said, cst.Call) and isinstance(said.func, cst.Attribute) and said.func.attr.value == "format":
        if not isinstance(said.func.value, cst.SimpleString):
            return False
        values = [argument.value for argument in said.args]
    else:
        return False
    return all(dotted(value) and kinds.of(value).name in _CONSTANT for value in values)


def _static(said: cst.BaseExpression) -> str:
    """The text with placeholders as they are written."""
    if isinstance(said, cst.ConcatenatedString):
        return _static(said.left) + _static(said.right)
    if isinstance(said, cst.SimpleString):
        value = said.evaluated_value
        return value if isinstance(value, str) else ""
    if isinstance(said, cst.FormattedString):
        raw = cst.Module([]).code_for_node(said)
        start = raw.index(said.start) + len(said.start)
        return raw[start : raw.rindex(said.end)]
    if isinstance(said, cst.Call) and isinstance(said.func, cst.Attribute):
        return _static(said.func.value)
    if isinstance(said, cst.BinaryOperation):
        return _static(said.left)
    return ""
