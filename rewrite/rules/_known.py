"""Kinds of expressions, told further: through names that are bound behind the place, and through conversions."""

from __future__ import annotations

from dataclasses import replace

import libcst as cst

from g2.rewrite.rules._kinds import Kind, Kinds, dotted
from g2.rewrite.rules._names import definition, scope
from g2.rewrite.site import Site

_CASTS = {
    "float": "float32", "double": "float64", "half": "float16", "bfloat16": "bfloat16", "long": "int64", "int": "int32",
    "bool": "bool", "short": "int16", "byte": "uint8",
}  # fmt: skip
_POSITIONS = ("argmax", "argmin", "argsort", "nonzero", "count_nonzero", "bincount")
_DEEPEST = 20


class Known(Kinds):
    """As Kinds; a name of which the run knew nothing is what its only assignment says."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._asked: list[str] = []

    def of(self, node: cst.BaseExpression) -> Kind:
        kind = super().of(node)
        if isinstance(node, cst.Name) and kind.name == "unknown":
            return self._defined(node)
        if isinstance(node, cst.Call) and kind.tensor and isinstance(node.func, cst.Attribute):
            return self._told(node, node.func, kind)
        return kind

    def _defined(self, node: cst.Name) -> Kind:
        value = None
        if node.value not in self._asked and len(self._asked) < _DEEPEST:
            value = definition(self.site.piece, scope(self.site.piece, node), node.value)
        if value is None:
            return Kind("unknown")
        self._asked.append(node.value)
        try:
            return self.of(value)
        finally:
            self._asked.pop()

    def _told(self, node: cst.Call, function: cst.Attribute, kind: Kind) -> Kind:
        """The dtype that a conversion gives, and the one of sums and positions."""
        method = function.attr.value
        of_torch = self.names.dotted(dotted(function)).startswith("torch.")
        if of_torch and not node.args:
            return kind
        owner = self.of(node.args[0].value) if of_torch else self.of(function.value)
        if method in _CASTS and not of_torch:
            return replace(kind, dtype=_CASTS[method], shape=owner.shape)
        if method in _POSITIONS:
            return replace(kind, dtype="int64")
        whole = owner.dtype.startswith(("int", "uint", "bool"))
        if method in ("sum", "prod", "cumsum") and not kind.dtype and whole:
            return replace(kind, dtype="int64")
        if method == "to" and len(node.args) == 1:
            name = self.names.dotted(dotted(node.args[0].value))
            if name.startswith("torch."):
                dtype = {"float": "float32", "long": "int64"}.get(name[6:], name[6:])
                return replace(kind, dtype=dtype, shape=owner.shape)
        return kind
