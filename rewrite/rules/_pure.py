"""Whether an expression may be computed although its value is not wanted, and what that could do."""

from __future__ import annotations

import libcst as cst

from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._names import nodes
from g2.rewrite.rules._own_method import effect
from g2.rewrite.rules._tensor_api import (
    NUMBER_METHODS,
    PURE_BUILTINS,
    PURE_MODULES,
    RANDOM,
    TENSOR_FUNCTIONS,
    TENSOR_METHODS,
)

_WITH_STATE = ("batch_norm", "BatchNorm", "SyncBatchNorm", "InstanceNorm", "LazyBatchNorm", "LazyInstanceNorm")
_DRAWING = ("Dropout", "AlphaDropout", "FeatureAlphaDropout", "RReLU")
_HARMLESS = frozenset({"finfo", "iinfo", "device", "Size", "is_tensor", "result_type"})
_RAISING = ("torch.linalg.", "torch.cholesky", "torch.inverse", "torch.lu", "torch._check", "torch._assert")
_NUMBERS = frozenset({"item", "tolist", "numpy", "cpu", "is_nonzero"})


class Effects:
    """What computing some expressions would do besides giving their values.

    never: clauses for which they must not be computed in vain ("it prints").
    perhaps: clauses for which nobody but a person can say ("`helper` is called whichever way is taken").
    raising: clauses for which they may raise. draws: they draw random numbers.
    modules: they call modules, whose parameters get gradients. unknown: they call what g2 knows nothing of.
    """

    def __init__(self) -> None:
        self.never: dict[str, None] = {}
        self.perhaps: dict[str, None] = {}
        self.raising: dict[str, None] = {}
        self.draws = False
        self.modules = False
        self.unknown = False

    def add(self, node: cst.BaseExpression, kinds: Kinds) -> None:
        piece = kinds.site.piece
        for one in nodes(node):
            if isinstance(one, (cst.Await, cst.Yield)):
                self.never["it waits or yields"] = None
            elif isinstance(one, cst.NamedExpr):
                self.never["it binds a name with `:=`"] = None
            elif isinstance(one, cst.Call):
                self._call(one, kinds)
            elif isinstance(one, cst.BinaryOperation) and isinstance(
                one.operator, (cst.Divide, cst.FloorDivide, cst.Modulo)
            ):
                left, right = kinds.of(one.left), kinds.of(one.right)
                if left.plain and right.plain and not isinstance(one.right, (cst.Integer, cst.Float)):
                    self.perhaps[f"`{piece.short(one)}` is computed either way, and must not divide by zero"] = None
            elif isinstance(one, cst.Subscript) and not _plain_index(one, kinds):
                self.perhaps[f"`{piece.short(one)}` is read whichever way is taken"] = None

    def _call(self, call: cst.Call, kinds: Kinds) -> None:
        written = dotted(call.func)
        name = kinds.names.dotted(written)
        method = call.func.attr.value if isinstance(call.func, cst.Attribute) else name
        if any(argument.keyword and argument.keyword.value in ("out", "inplace") for argument in call.args):
            self.never[f"`{kinds.site.piece.short(call)}` writes into a tensor"] = None
        elif name in ("print", "breakpoint", "input", "open", "exec", "eval"):
            self.never["it prints" if name == "print" else f"it calls {name}"] = None
        elif name.startswith(("warnings.", "logging.", "logger.", "log.")) or "warn" in method:
            self.never["it warns or logs"] = None
        elif name.startswith(_RAISING):
            self.raising[f"`{written}` raises for some values"] = None
        elif name.startswith("torch."):
            self._torch(name, written, kinds)
        elif name in PURE_BUILTINS or name.startswith(("math.", "operator.")):
            if name in ("int", "float", "bool", "list") and any(kinds.of(a.value).tensor for a in call.args):
                self.never["it needs a tensor's value in Python"] = None
        elif isinstance(call.func, cst.Attribute):
            self._method(call, call.func, kinds)
        elif (value := kinds.site.values.get(written)) is not None and value.kind == "module":
            self._module(value.text, written, kinds)
        else:
            self._unknown(written or kinds.site.piece.short(call.func), kinds)

    def _torch(self, name: str, written: str, kinds: Kinds) -> None:
        method = name.rpartition(".")[2]
        if method in RANDOM:
            self.draws = True
        elif method.startswith(_WITH_STATE):
            self.perhaps[f"`{written}` may update its running statistics"] = None
        elif method not in TENSOR_FUNCTIONS and method not in _HARMLESS and (
            method.endswith("_") or not name.startswith(("torch.nn.functional.", "torch.fft.", "torch.special."))
        ):
            self._unknown(written, kinds)

    def _method(self, call: cst.Call, func: cst.Attribute, kinds: Kinds) -> None:
        method, owner = func.attr.value, kinds.of(func.value)
        value = kinds.site.values.get(dotted(func))
        if value is not None and value.kind == "module":
            self._module(value.text, dotted(func), kinds)
        elif method in _NUMBERS and not (method == "cpu" and not owner.tensor):
            self.never["it needs a tensor's value in Python"] = None
        elif method in RANDOM:
            self.draws = True
        elif method.endswith("_") and not method.endswith("__") and (owner.tensor or method[:-1] in TENSOR_METHODS):
            self.never[f"`{kinds.site.piece.short(call)}` changes a tensor in place"] = None
        elif not (
            ((method in TENSOR_METHODS or method in NUMBER_METHODS) and (owner.tensor or owner.name == "unknown"))
            or owner.name in ("str", "number", "Size", "tuple")
            or method in ("format", "keys", "values", "items", "get")
        ):
            self._unknown(dotted(func) or method, kinds)

    def _module(self, name: str, written: str, kinds: Kinds) -> None:
        self.modules = True
        if name.startswith(_DRAWING):
            self.draws = True
        elif name.startswith(_WITH_STATE):
            self.perhaps[f"`{written}` ({name}) may keep state"] = None
        elif name not in PURE_MODULES:
            self._unknown(written, kinds)

    def _unknown(self, written: str, kinds: Kinds) -> None:
        owner, _, name = written.rpartition(".")
        if owner == "self" and (clause := effect(name, kinds.site)):
            self.never[clause] = None
            return
        self.unknown = True
        self.draws = self.draws or "rand" in written or "noise" in written or "dropout" in written
        self.perhaps[f"`{written}` is called whichever way is taken"] = None


def _plain_index(node: cst.Subscript, kinds: Kinds) -> bool:
    """Whether an index cannot be out of bounds because of a tensor's value: constants, slices, names of numbers."""
    for element in node.slice:
        if isinstance(element.slice, cst.Index):
            kind = kinds.of(element.slice.value)
            if kind.tensor and not kind.truth:
                return False
    return True
