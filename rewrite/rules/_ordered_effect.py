"""The text of an operator with an ordered effect, which Dynamo, AOTAutograd and Inductor keep at its place.

Measured with torch 2.11, 2.13 and 2.15, inference and training, eager, aot_eager and Inductor: such an operator runs
once a call and in its order. Without the effect AOTAutograd drops it; torch.fx.has_side_effect alone gives no order.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import libcst as cst

from g2.rewrite.rules._names import bindings, nodes
from g2.rewrite.rules._operator_body import Parameter
from g2.rewrite.site import Site
from g2.rewrite.source import Source

_SCOPES = (cst.FunctionDef, cst.Lambda, cst.CompFor, cst.ListComp, cst.SetComp, cst.GeneratorExp, cst.DictComp)


def helper(
    torch: str,
    namespace: str,
    name: str,
    parameters: Sequence[Parameter],
    body: str,
    returns: str = "None",
    fake: str = "None",
) -> str:
    """The definition of the operator. `fake` is what it gives while it is traced."""
    taken = ", ".join(f"{one.name}: {_annotation(one.annotation, torch)}" for one in parameters)
    names = ", ".join(one.name for one in parameters)
    return (
        f'@{torch}.library.custom_op("{namespace}::{name.strip("_")}", mutates_args=())\n'
        f"def {name}({taken}) -> {returns}:\n"
        f"    {body}\n\n\n"
        f"{name}.register_fake(lambda{' ' if names else ''}{names}: {fake})\n"
        f"# torch.compile keeps an operator with an ordered effect at its place in the graph.\n"
        f"{name}.register_effect({torch}.library.EffectType.ORDERED)"
    )


def fitting(site: Site, wish: str, made: Callable[[str], str]) -> tuple[str, str]:
    """The operator's name and what is to be put into FileEdits.helpers: nothing when the file on disk has it already.

    The name is another than the wish where the file uses that for something else.
    """
    text = made(wish)
    if text in site.source.text.replace("\r\n", "\n"):
        on_disk = site.source.data.decode(site.source.encoding, "replace").replace("\r\n", "\n")
        return wish, "" if text in on_disk else text
    name = site.piece.fresh(wish)
    return name, made(name)


def space(path: str) -> str:
    """A namespace of operators for a file: its package and its name."""
    file = Path(path)
    top = file.parent
    while (top.parent / "__init__.py").exists():
        top = top.parent
    parts = [top.name, file.stem] if (top / "__init__.py").exists() else [file.stem]
    name = re.sub(r"\W", "_", "_".join(parts), flags=re.ASCII).strip("_")
    return name if name[:1].isalpha() else f"m{name}"


def local_names(site: Site) -> frozenset[str]:
    """Names that belong to a function around the place."""
    found: set[str] = set()
    for above in site.piece.ancestors(site.node):
        if isinstance(above, _SCOPES):
            names = {one.value for one in nodes(above) if isinstance(one, cst.Name)}
            found |= {name for name in names if bindings(site.piece, above, name)}
    return frozenset(found)


def unsteady_names(source: Source) -> frozenset[str]:
    """Names at the top of the file that get other values while the program runs."""
    return frozenset(name for node in ast.walk(source.tree) if isinstance(node, ast.Global) for name in node.names)


def _annotation(written: str, torch: str) -> str:
    return f"{torch}.{written}" if written in ("Tensor", "dtype", "device") else written
