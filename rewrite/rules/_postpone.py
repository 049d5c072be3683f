"""Whether a statement with effects may come behind another one that stands after it."""

from __future__ import annotations

import ast

from g2.rewrite.rules._scope import bound, reads


def may_wait(late: ast.stmt, other: ast.stmt) -> bool:
    """Whether `late` may be run behind `other` instead of before it.

    `late` binds nothing and `other` binds nothing that `late` reads; `other` writes into nothing that exists before it,
    and does not mention the object whose method `late` calls. Judged by the text; what `other` calls is taken to have
    no effect that `late` sees, which is the caller's to doubt.
    """
    if not isinstance(late, ast.Expr) or not isinstance(other, (ast.Assign, ast.AnnAssign)):
        return False
    if bound([late]) or bound([other]) & reads([late]) or _writes(other):
        return False
    called = late.value.func if isinstance(late.value, ast.Call) else None
    owner = ast.unparse(called.value) if isinstance(called, ast.Attribute) else ""
    return not any(isinstance(n, ast.expr) and ast.unparse(n) == owner for n in ast.walk(other))


def _writes(statement: ast.stmt) -> bool:
    """Whether it stores into an attribute or an element, or calls a method that works in place."""
    for node in ast.walk(statement):
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, (ast.Store, ast.Del)):
            return True
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name.endswith("_") or any(k.arg in ("out", "inplace") for k in node.keywords):
                return True
    return False
