"""What a name stands for by the imports of the file: `deepcopy` is "copy.deepcopy", `np.sqrt` "numpy.sqrt"."""

from __future__ import annotations

import ast

import libcst as cst

from g2.rewrite.rules._kinds import dotted
from g2.rewrite.rules._torch_name import top
from g2.rewrite.source import Source


def imported(source: Source, node: cst.CSTNode) -> str:
    """The full dotted name; empty where it begins with no imported name."""
    head, _, tail = dotted(node).partition(".")
    whole = _names(source).get(head, "")
    return f"{whole}.{tail}" if whole and tail else whole


def _names(source: Source) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in top(source.tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                first = name.name.partition(".")[0]
                found[name.asname or first] = name.name if name.asname else first
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {name.asname or name.name: f"{node.module}.{name.name}" for name in node.names}
    return found
