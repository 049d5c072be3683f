"""Tests: what is asked of a value, and what is known of names in either branch."""

from __future__ import annotations

import ast

from g2.explain.scan.body import Body
from g2.explain.scan.detector import Event
from g2.explain.scan.values import MASK, NONE, TENSOR, TENSORS, UNKNOWN, Value, join

Known = dict[str, Value]

_COMPILING = frozenset(
    [
        "torch.compiler.is_compiling",
        "torch.compiler.is_dynamo_compiling",
        "torch._dynamo.is_compiling",
        "torch._dynamo.external_utils.is_compiling",
        "torch._utils.is_compiling",
    ]
)
_COMPILING_ENDS = ("is_torchdynamo_compiling", "is_compiling", "is_dynamo_compiling")
_NEVER_COMPILED = frozenset({"torch.jit.is_scripting", "torch.onnx.is_in_onnx_export"})


def test(body: Body, node: ast.expr, word: str) -> Value:
    """Walk over a condition: whatever is asked for its truth is a test."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return test(body, node.operand, word if word in {"if", "while"} else _ASSERTED.get(word, "not"))
    if isinstance(node, ast.BoolOp):
        return boolean(body, node, word)
    value = body.value(node)
    ask(body, node, value, word)
    return value


def ask(body: Body, node: ast.expr, value: Value, word: str) -> None:
    """A value's truth is asked."""
    if isinstance(value, frozenset) and value <= _PLAIN:
        return
    body.see(Event("test", node, value, word=word))


# Only the last test of `assert a and b` becomes an operator.
_ASSERTED = {"plain assert": "assert"}
_PLAIN = frozenset({"n", "s", "N", "o"})


def boolean(body: Body, node: ast.BoolOp, word: str = "") -> Value:
    """`and` and `or`: every operand but the last is a test; the last is one where the whole is (`word`)."""
    values: list[Value] = []
    before, env = body.certain, body.env
    last = len(node.values) - 1
    for number, operand in enumerate(node.values):
        if number < last or word:
            asked = word or ("and" if isinstance(node.op, ast.And) else "or")
            values.append(test(body, operand, asked if number == last else _ASSERTED.get(asked, asked)))
        else:
            values.append(body.value(operand))
        if number < last:
            yes, no = narrowed(body, operand)
            known = yes if isinstance(node.op, ast.And) else no
            if known:
                body.env = {**body.env, **known}
            body.certain = False
    body.certain = before
    if body.env is not env:
        for name, value in body.env.items():  # what := assigned stays
            if name not in env:
                env[name] = value
        body.env = env
    return join(*values)


def outcome(body: Body, node: ast.expr) -> bool | None:
    """What a condition is while a function is being compiled, where that is certain: `is_compiling()` is true."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = outcome(body, node.operand)
        return None if inner is None else not inner
    if isinstance(node, ast.Call) and not node.args:
        func = node.func
        last = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
        if last in _COMPILING_ENDS:
            return True
        if last in {"is_scripting", "is_in_onnx_export"}:
            return False
        return None
    if isinstance(node, ast.BoolOp):
        found = [outcome(body, value) for value in node.values]
        if isinstance(node.op, ast.And):
            return False if False in found else True if None not in found else None
        return True if True in found else False if None not in found else None
    if isinstance(node, ast.Name) and node.id == "TYPE_CHECKING":
        return False
    if isinstance(node, ast.Constant):
        return bool(node.value)
    return None


def narrowed(body: Body, node: ast.expr) -> tuple[Known, Known]:
    """What is known of names where a condition holds, and where it does not."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yes, no = narrowed(body, node.operand)
        return no, yes
    if isinstance(node, ast.BoolOp):
        both: Known = {}
        for operand in node.values:
            yes, no = narrowed(body, operand)
            both.update(yes if isinstance(node.op, ast.And) else no)
        return (both, {}) if isinstance(node.op, ast.And) else ({}, both)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _compared(body, node)
    if isinstance(node, ast.Call) and not node.keywords:
        return _asked(body, node)
    if isinstance(node, (ast.Name, ast.Attribute)):
        name, value = _named(body, node)
        return ({name: some(value)}, {}) if name else ({}, {})
    if isinstance(node, ast.NamedExpr):
        return narrowed(body, node.target)
    return {}, {}


def _compared(body: Body, node: ast.Compare) -> tuple[Known, Known]:
    right = node.comparators[0]
    left = node.left.target if isinstance(node.left, ast.NamedExpr) else node.left
    if not (isinstance(right, ast.Constant) and right.value is None and isinstance(left, (ast.Name, ast.Attribute))):
        return {}, {}
    name, value = _named(body, left)
    if not name:
        return {}, {}
    if isinstance(node.ops[0], (ast.Is, ast.Eq)):
        return {name: NONE}, {name: some(value)}
    if isinstance(node.ops[0], (ast.IsNot, ast.NotEq)):
        return {name: some(value)}, {name: NONE}
    return {}, {}


def _asked(body: Body, node: ast.Call) -> tuple[Known, Known]:
    func = node.func
    last = func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""
    if not node.args or not isinstance(node.args[0], (ast.Name, ast.Attribute)):
        return {}, {}
    name, value = _named(body, node.args[0])
    if not name:
        return {}, {}
    if last in {"is_tensor", "is_torch_tensor", "istensor"}:
        return {name: tensor(value)}, {name: other(value)}
    if last in {"exists", "is_not_none"}:
        return {name: some(value)}, {name: NONE}
    if last == "isinstance" and len(node.args) == 2:
        wanted = node.args[1]
        names = [_last(part) for part in (wanted.elts if isinstance(wanted, ast.Tuple) else [wanted])]
        if "Tensor" in names:
            return ({name: tensor(value)} if len(names) == 1 else {}), {name: other(value)}
        if all(part in _TYPES for part in names):
            return {name: join(*(_TYPES[part] for part in names))}, {}
        if names and not any(part in {"", "Parameter"} for part in names):
            return {name: other(value)}, {}
    if last == "callable":
        return {name: other(value)}, {}
    return {}, {}


_TYPES: dict[str, Value] = {
    "int": frozenset({"n"}),
    "float": frozenset({"n"}),
    "bool": frozenset({"n"}),
    "str": frozenset({"s"}),
    "Number": frozenset({"n"}),
    "dtype": frozenset({"o"}),
    "ndarray": frozenset({"A"}),
}


def _last(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _named(body: Body, node: ast.expr) -> tuple[str, Value]:
    """The key under which a name, or an attribute of a name, is held, and its value."""
    if isinstance(node, ast.Name):
        return node.id, body.lookup(node.id)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        key = f"{node.value.id}.{node.attr}"
        body.dotted.add(node.value.id)
        found = body.env.get(key)
        return key, found if found is not None else body.value(node)
    return "", UNKNOWN


def some(value: Value) -> Value:
    """The value where it is not None."""
    if isinstance(value, frozenset):
        return value - {"N"} or UNKNOWN
    return value if value[0] in {"!", "|", "<"} else ("!", value)


def tensor(value: Value) -> Value:
    """The value where it is known to be a tensor."""
    if isinstance(value, frozenset) and "tb" in value and "t" not in value:
        return MASK
    return TENSOR


def other(value: Value) -> Value:
    """The value where it is known to be no tensor."""
    if isinstance(value, frozenset):
        return value - TENSORS - {"~"} or frozenset({"o"})
    return ("-", value)
