"""Operators that exist on GPUs only, for a module that is interpreted on the CPU: copies of g2's own stand-ins."""

from __future__ import annotations

import ast
import inspect

from g2.check.child import attention, random

_ATTENTION = {
    "_scaled_dot_product_efficient_attention": "_efficient",
    "_scaled_dot_product_efficient_attention_backward": "_efficient_backward",
    "_scaled_dot_product_flash_attention": "_flash",
    "_scaled_dot_product_flash_attention_backward": "_flash_backward",
}
_RANDOM = {"inductor_seeds": "_seeds", "inductor_random": "_random", "inductor_randint": "_randint"}


def standing_in(text: str) -> str:
    """Source that registers what `text` calls, empty where it calls nothing of the kind."""
    used = {name: function for name, function in _ATTENTION.items() if f"{name}." in text}
    parts = []
    if used:
        made = _closure(inspect.getsource(attention), set(used.values()))
        rows = "".join(f'        ("{name}", {function}),\n' for name, function in used.items())
        parts.append(
            "if INTERPRET:\n    # Attention kernels that exist on GPUs only, by matrix products.\n"
            "    import itertools\n    from typing import Any\n\n    from torch import Tensor\n\n"
            + _indented(made)
            + '\n\n    LIBRARY = torch.library.Library("aten", "IMPL")\n    for NAME, FUNCTION in (\n'
            + rows
            + '    ):\n        LIBRARY.impl(NAME, FUNCTION, "CPU")\n'
        )
    return "\n\n".join(parts)


def random_operators(text: str) -> set[str]:
    """Which of Inductor's random operators a graph's text calls."""
    return {name for name in _RANDOM if f"prims.{name}." in text and hasattr(random, _RANDOM[name])}


def _closure(source: str, wanted: set[str]) -> str:
    """The functions and constants of a module that these need, in its order."""
    tree = ast.parse(source)
    held: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            held[node.name] = node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            held[node.targets[0].id] = node
    left = list(wanted)
    kept: set[str] = set()
    while left:
        name = left.pop()
        if name in kept or name not in held:
            continue
        kept.add(name)
        left += [one.id for one in ast.walk(held[name]) if isinstance(one, ast.Name)]
    return "\n\n".join(ast.unparse(node) for name, node in held.items() if name in kept)


def _indented(text: str) -> str:
    return "\n".join("    " + line if line else line for line in text.splitlines())
