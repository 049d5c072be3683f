"""What an expression is, from what the run saw of its names and from how it is written."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from g2.rewrite.rules._shapes import reduced, sliced
from g2.rewrite.rules._tensor_api import BOOL_RESULTS, NUMBER_METHODS, SINGULAR, TENSOR_FUNCTIONS, TENSOR_METHODS
from g2.rewrite.rules._torch_name import TorchNames, torch_names
from g2.rewrite.site import Site

_TENSOR_ATTRIBUTES = frozenset({"T", "mT", "H", "mH", "data", "grad", "real", "imag"})
_CONSTANTS = frozenset(f"{owner}.{name}" for owner in ("torch", "math") for name in ("pi", "inf", "nan", "e"))
_DTYPES = frozenset(
    f"torch.{name}"
    for name in (
        "float16", "half", "bfloat16", "float32", "float", "float64", "double", "bool", "uint8", "int8", "int16",
        "short", "int32", "int", "int64", "long", "complex64", "cfloat", "complex128", "cdouble",
    )
)  # fmt: skip
_ANNOTATIONS = {"int": "number", "float": "number", "bool": "bool", "str": "str", "Tensor": "tensor"}


@dataclass(frozen=True, slots=True)
class Kind:
    """`name`: "tensor", "number" (a Python int or float), "bool" (a Python bool), "str", "none", "module", another
    type's name, or "unknown". dtype ("float32", "int", "bool") and shape where they are known; `grad`: it requires
    gradients.
    """

    name: str
    dtype: str = ""
    shape: tuple[int, ...] | None = None
    grad: bool = False

    @property
    def tensor(self) -> bool:
        return self.name == "tensor"

    @property
    def plain(self) -> bool:
        """A Python number or bool."""
        return self.name in ("number", "bool")

    @property
    def truth(self) -> bool:
        """A tensor of dtype bool."""
        return self.tensor and self.dtype == "bool"


UNKNOWN = Kind("unknown")
TENSOR = Kind("tensor")


class Kinds:
    """Kinds of the expressions of a site. Names that the site's run knew nothing of are told with `bind`; `name()`
    stands for what calls of it give.

    `tensor`: an expression that is one, as Dynamo stopped to ask for its truth.
    """

    def __init__(self, site: Site, tensor: cst.CSTNode | None = None) -> None:
        self.site = site
        self.names: TorchNames = torch_names(site.source)
        self.bound: dict[str, Kind] = {}
        self._tensor = tensor
        function = site.piece.function
        for parameter in function.params.params if function else ():
            if parameter.annotation is not None:
                written = dotted(parameter.annotation.annotation).rpartition(".")[2]
                if written in _ANNOTATIONS and parameter.default is None:
                    self.bound[parameter.name.value] = Kind(_ANNOTATIONS[written])
        for value in site.values.values():
            self.bound[value.name] = Kind(value.kind, value.dtype, value.shape, value.requires_grad)

    def bind(self, name: str, kind: Kind) -> None:
        """From here on the name holds this."""
        self.bound[name] = kind

    def of(self, node: cst.BaseExpression) -> Kind:
        """Never raises; what is not known is "unknown"."""
        kind = self._of(node)
        if self._tensor is not None and node is self._tensor and kind.name == "unknown":
            return TENSOR
        return kind

    def _of(self, node: cst.BaseExpression) -> Kind:
        match node:
            case cst.Integer():
                return Kind("number", "int")
            case cst.Float():
                return Kind("number", "float")
            case cst.SimpleString() | cst.FormattedString() | cst.ConcatenatedString():
                return Kind("str")
            case cst.Name(value="True" | "False"):
                return Kind("bool")
            case cst.Name(value="None"):
                return Kind("none")
            case cst.Name(value=name):
                return self.bound.get(name, UNKNOWN)
            case cst.Attribute():
                return self._attribute(node)
            case cst.UnaryOperation(operator=cst.Not(), expression=inner):
                return Kind("bool") if not self.of(inner).tensor else Kind("tensor", "bool", ())
            case cst.UnaryOperation(expression=inner):
                return self.of(inner)
            case cst.BinaryOperation(left=left, right=right):
                return self._arithmetic(node.operator, self.of(left), self.of(right))
            case cst.Comparison():
                return self._comparison(node)
            case cst.BooleanOperation(left=left, right=right):
                return self._either(self.of(left), self.of(right))
            case cst.IfExp(body=body, orelse=orelse):
                return self._either(self.of(body), self.of(orelse))
            case cst.NamedExpr(value=value):
                return self.of(value)
            case cst.Subscript(value=value):
                return self._indexed(self.of(value), node)
            case cst.Call():
                return self._call(node)
            case _:
                return UNKNOWN

    def _attribute(self, node: cst.Attribute) -> Kind:
        name = dotted(node)
        if name in self.bound:
            return self.bound[name]
        if self.names.dotted(name) in _CONSTANTS:
            return Kind("number", "float")
        if self.names.dotted(name) in _DTYPES:
            return Kind("dtype")
        owner = self.of(node.value)
        if owner.tensor:
            if node.attr.value in _TENSOR_ATTRIBUTES:
                return Kind("tensor", owner.dtype)
            if node.attr.value in ("ndim", "itemsize", "nbytes"):
                return Kind("number", "int")
            if node.attr.value in ("is_cuda", "requires_grad", "is_leaf", "is_sparse"):
                return Kind("bool")
            if node.attr.value == "shape":
                return Kind("Size")
            if node.attr.value in ("dtype", "device"):
                return Kind(node.attr.value)
        return UNKNOWN

    def _arithmetic(self, operator: cst.BaseBinaryOp, left: Kind, right: Kind) -> Kind:
        if left.tensor or right.tensor:
            return Kind("tensor", _promoted(operator, left, right), _broadcast(left, right), left.grad or right.grad)
        if left.plain and right.plain:
            if left.name == right.name == "bool" and isinstance(operator, (cst.BitAnd, cst.BitOr, cst.BitXor)):
                return Kind("bool")
            whole = left.dtype != "float" and right.dtype != "float" and not isinstance(operator, cst.Divide)
            return Kind("number", "int" if whole else "float")
        return UNKNOWN

    def _comparison(self, node: cst.Comparison) -> Kind:
        operators = [one.operator for one in node.comparisons]
        if any(isinstance(operator, (cst.Is, cst.IsNot)) for operator in operators):
            return Kind("bool")
        if any(isinstance(operator, (cst.In, cst.NotIn)) for operator in operators):
            return UNKNOWN
        kinds = [self.of(node.left), *(self.of(one.comparator) for one in node.comparisons)]
        if any(kind.tensor for kind in kinds):
            shape: tuple[int, ...] | None = ()
            for kind in kinds:
                shape = _broadcast(Kind("tensor", "", shape), kind)
            return Kind("tensor", "bool", shape)
        if all(kind.plain or kind.name in ("str", "none", "Size", "device", "dtype") for kind in kinds):
            return Kind("bool")
        return UNKNOWN

    def _either(self, one: Kind, other: Kind) -> Kind:
        if one.name != other.name:
            return UNKNOWN
        return Kind(
            one.name,
            one.dtype if one.dtype == other.dtype else "",
            one.shape if one.shape == other.shape else None,
            one.grad or other.grad,
        )

    def _indexed(self, kind: Kind, node: cst.Subscript) -> Kind:
        if kind.name == "Size":
            whole = len(node.slice) == 1 and isinstance(node.slice[0].slice, cst.Index)
            return Kind("number", "int") if whole else Kind("Size")
        if not kind.tensor:
            return UNKNOWN
        return Kind("tensor", kind.dtype, sliced(kind.shape, node), kind.grad)

    def _call(self, node: cst.Call) -> Kind:
        if (told := self.bound.get(f"{dotted(node.func)}()")) is not None:
            return told
        name = self.names.dotted(dotted(node.func))
        arguments = [argument.value for argument in node.args]
        first = self.of(arguments[0]) if arguments else UNKNOWN
        if name in ("len", "int", "float", "ord", "hash", "round") or name.startswith("math."):
            return Kind("number", "float" if name == "float" or name.startswith("math.") else "int")
        if name in ("isinstance", "hasattr", "callable", "bool", "issubclass"):
            return Kind("bool")
        if name in ("min", "max", "abs") and arguments:
            kinds = [self.of(argument) for argument in arguments]
            return kinds[0] if len({(kind.name, kind.dtype) for kind in kinds}) == 1 else UNKNOWN
        head, _, method = name.rpartition(".")
        if name.startswith("torch.") and (method in TENSOR_FUNCTIONS or head == "torch.nn.functional"):
            return self._result(method, first, arguments[1:], node)
        if isinstance(node.func, cst.Attribute):
            owner, method = self.of(node.func.value), node.func.attr.value
            if owner.tensor or (owner.name == "unknown" and method in TENSOR_METHODS and method not in _COMMON):
                if method in NUMBER_METHODS:
                    return Kind(NUMBER_METHODS[method])
                if method == "size":
                    return Kind("number", "int") if arguments else Kind("Size")
                if method in TENSOR_METHODS or method.endswith("_"):
                    return self._result(method, owner, arguments, node)
        return UNKNOWN

    def _result(self, method: str, first: Kind, rest: list[cst.BaseExpression], node: cst.Call) -> Kind:
        """A tensor that `method` makes of a first tensor and further arguments."""
        if method in ("any", "all"):
            dtype = "uint8" if first.dtype == "uint8" else "bool" if first.dtype else ""
            return Kind("tensor", dtype, reduced(first.shape, rest))
        if method in BOOL_RESULTS:
            return Kind("tensor", "bool", first.shape)
        if method in ("max", "min", "sum", "mean", "norm", "prod", "amax", "amin", "std", "var") and not rest:
            same = method in ("max", "min", "amax", "amin")
            return Kind("tensor", first.dtype if same or first.dtype.startswith("float") else "", (), first.grad)
        if method in _SAME_FORM:
            return Kind("tensor", first.dtype if first.dtype.startswith("float") else "", first.shape, first.grad)
        return Kind("tensor", "", None, first.grad)


# Methods of lists, dictionaries and strings too.
_COMMON = frozenset(
    {"copy", "index", "count", "sort", "split", "get", "type", "values", "update", "to", "apply", "size", "clip"}
    | {"repeat"}
)
_SAME_FORM = (
    frozenset(SINGULAR)
    | {"abs", "sin", "cos", "tanh", "sigmoid", "relu", "gelu", "silu", "elu", "softplus", "neg", "square"}
    | {"softmax", "log_softmax", "clone", "detach", "contiguous", "zeros_like", "ones_like", "empty_like"}
    | {"full_like", "floor", "sign", "erf", "ceil", "round", "clamp", "clamp_min", "clamp_max", "dropout"}
    | {"layer_norm", "nan_to_num", "leaky_relu"}
) - {"norm", "pow", "float_power"}


def dotted(node: cst.CSTNode) -> str:
    """A chain of names and attributes as written, without spaces; empty for anything else."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr.value}" if owner else ""
    return ""


def _promoted(operator: cst.BaseBinaryOp, left: Kind, right: Kind) -> str:
    """The dtype of tensor arithmetic, where it is plain: torch promotes by category, then by size."""
    pair = [kind for kind in (left, right) if kind.tensor]
    known = pair[0].dtype if len({kind.dtype for kind in pair}) == 1 else ""
    if not known:
        return ""
    if isinstance(operator, (cst.BitAnd, cst.BitOr, cst.BitXor)):
        return known if len(pair) == 2 or any(kind.name == "bool" for kind in (left, right)) else ""
    if known.startswith(("float", "bfloat")):
        return known
    other = next((kind for kind in (left, right) if not kind.tensor), None)
    if known == "bool" and len(pair) == 2 and isinstance(operator, (cst.Multiply, cst.Add)):
        return known
    if isinstance(operator, cst.Divide) or known == "bool" or (other is not None and other.dtype != "int"):
        return ""
    return known


def _broadcast(left: Kind, right: Kind) -> tuple[int, ...] | None:
    shapes = [kind.shape for kind in (left, right) if not kind.plain]
    if any(shape is None for shape in shapes):
        return None
    if len(shapes) == 2 and shapes[0] != shapes[1]:
        one, other = shapes
        return other if one == () else one if other == () else None
    return shapes[0] if shapes else None
