"""What a wrapper module launches, by line: which names its kernels are given, and which buffers are written into
again.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import Any

_INTO = re.compile(r"_(\.\w+)?$")  # aten.index_put_, torch.ops.aten.scatter_.value


@dataclass
class Launches:
    """of: line -> kernel -> the text of its arguments. changed: name -> lines where an operator writes into it."""

    of: dict[int, dict[str, list[str]]] = field(default_factory=dict)
    changed: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> Launches:
        made = cls()
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr == "run":
                name = ast.unparse(node.func.value)
                made.of.setdefault(node.lineno, {})[name] = [ast.unparse(one) for one in node.args]
            elif node.args and _INTO.search(ast.unparse(node.func)):
                for name in names(ast.unparse(node.args[0])):
                    made.changed.setdefault(name, []).append(node.lineno)
        return made

    @property
    def count(self) -> int:
        return sum(len(found) for found in self.of.values())

    def written_again(self, buffer: str, line: int, kernels: dict[str, Any]) -> bool:
        """Whether something after that line writes into a buffer: its node's value is what it holds then."""
        if any(at > line for at in self.changed.get(buffer, ())):
            return True
        for at, launched in self.of.items():
            for name, texts in launched.items() if at > line else ():
                kernel = kernels.get(name)
                if kernel is None or not any(buffer in names(text) for text in texts):
                    continue
                given = list(signature(kernel))
                into = mutated(kernel)
                if any(given[i] in into and buffer in names(text) for i, text in enumerate(texts[: len(given)])):
                    return True
        return False


def signature(kernel: Any) -> list[str]:
    """The names of what a kernel is given at a launch."""
    return [name for name in kernel.triton_meta["signature"] if name not in kernel.configs[0].kwargs]


def mutated(kernel: Any) -> tuple[str, ...]:
    """The names of those that it also reads or adds to."""
    return tuple(getattr(kernel, "mutated_arg_names", None) or kernel.inductor_meta.get("mutated_arg_names", ()))


def names(text: str) -> list[str]:
    """Those in an expression."""
    return [node.id for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name)]
