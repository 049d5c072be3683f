"""What imports bind: dotted names. Those of torch are known at once, others when files are linked."""

from __future__ import annotations

import ast
import sys

from g2.explain.scan.values import Value, outside

# What is never part of what is scanned, so that its names need no looking up.
_OUTSIDE = sys.stdlib_module_names | {"torch", "numpy", "scipy", "pandas", "einops", "torchvision", "tqdm", "sklearn"}


def dotted(name: str) -> Value:
    """The value of a global by its dotted name."""
    return outside(name) if name.partition(".")[0] in _OUTSIDE else ("g", name)


def imported(node: ast.Import | ast.ImportFrom) -> dict[str, Value]:
    """The names that an import binds. Those of `from x import *` are not known here."""
    if isinstance(node, ast.Import):
        return {
            alias.asname or alias.name.partition(".")[0]: dotted(
                alias.name if alias.asname else alias.name.partition(".")[0]
            )
            for alias in node.names
        }
    start = "." * node.level + (node.module or "")
    if node.level:
        # ".x" is the module itself with a name; what is relative to its package has two dots more.
        start = "." + start
    elif start.partition(".")[0] in _OUTSIDE:
        return {
            alias.asname or alias.name: outside(f"{start}.{alias.name}") for alias in node.names if alias.name != "*"
        }
    return {alias.asname or alias.name: ("g", f"{start}:{alias.name}") for alias in node.names if alias.name != "*"}
