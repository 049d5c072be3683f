"""Whether Python itself needs a number that an option of Dynamo would keep unknown: then the break only moves."""

from __future__ import annotations

import libcst as cst

from g2.rewrite.site import Site

_TEXT = {"print", "str", "repr", "format"}
_COUNT = {"range", "list", "tuple", "hash"}


def decides(site: Site, sizes: bool = False) -> str | None:
    """What Python does with the value of the expression at a place, a clause; None where nothing stands against it.

    sizes: the value is a tensor, whose size is unknown, and not a number.
    """
    node = site.node
    if not isinstance(node, cst.BaseExpression):
        return None
    if said := _iterated(site, node) if sizes else _needs(site, node):
        return said
    name = _assigned(site, node)
    function = site.piece.function
    if name is None or function is None:
        return None
    behind = site.piece.bounds(node)[1]
    for use in _uses(function, name):
        if site.piece.bounds(use)[0] < behind:
            continue
        if sizes and (looped := _iterated(site, use)):
            return looped
        value = _size(site, use) if sizes else use
        if value is not None and (said := _needs(site, value)):
            return said
    return None


def _assigned(site: Site, node: cst.CSTNode) -> str | None:
    """The name that the value is bound to, when that is all that is done with it."""
    above = site.piece.parent(node)
    if isinstance(above, cst.Assign) and len(above.targets) == 1 and isinstance(above.targets[0].target, cst.Name):
        return above.targets[0].target.value
    return None


def _uses(function: cst.FunctionDef, name: str) -> list[cst.Name]:
    found: list[cst.Name] = []

    class Uses(cst.CSTVisitor):
        def visit_Name(self, node: cst.Name) -> None:
            if node.value == name:
                found.append(node)

    function.body.visit(Uses())
    return found


def _needs(site: Site, node: cst.CSTNode) -> str | None:
    """Climbs from a value through arithmetic to what takes the result."""
    below = node
    for above in site.piece.ancestors(node):
        if isinstance(above, (cst.If, cst.While, cst.IfExp, cst.Assert)) and above.test is below:
            return "Python decides something with the number, and the break would only move there"
        if isinstance(above, cst.FormattedStringExpression):
            return "the number goes into a text"
        if isinstance(above, cst.Call) and isinstance(above.func, cst.Name) and above.func is not below:
            if above.func.value in _TEXT:
                return "the number goes into a text"
            if above.func.value in _COUNT:
                return "Python counts with the number, and the break would only move there"
        if isinstance(above, cst.Subscript) and isinstance(above.value, (cst.List, cst.Tuple, cst.Dict)):
            return "a Python container is indexed with the number"
        if isinstance(above, (cst.BaseStatement, cst.BaseSmallStatement)):
            return None
        if isinstance(above, cst.Call) and not _converts(above):
            return None
        below = above
    return None


def _converts(call: cst.Call) -> bool:
    return isinstance(call.func, cst.Name) and call.func.value in ("int", "float", "bool", "abs", "min", "max", "round")


def _size(site: Site, use: cst.Name) -> cst.CSTNode | None:
    """The expression that takes a size: x.shape, x.shape[0], x.size(0), x.numel(), len(x)."""
    above = site.piece.parent(use)
    if isinstance(above, cst.Attribute) and above.attr.value in ("shape", "size", "numel"):
        outer = site.piece.parent(above)
        return outer if isinstance(outer, (cst.Call, cst.Subscript)) else above
    call = site.piece.parent(above) if isinstance(above, cst.Arg) else None
    return call if isinstance(call, cst.Call) and isinstance(call.func, cst.Name) and call.func.value == "len" else None


def _iterated(site: Site, use: cst.CSTNode) -> str | None:
    above = site.piece.parent(use)
    if isinstance(above, (cst.For, cst.CompFor)) and above.iter is use:
        return "Python runs a loop over the result"
    return None
