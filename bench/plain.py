"""`python plain.py SCRIPT ARGS`: the script under torch.compile(backend="eager"), without g2. The other side of the
comparison.

A script that calls torch.compile gets its backend replaced; for one that does not, every outermost nn.Module is
compiled as a person would do it, with Module.compile(). What is not worth compiling (a bare loss or activation) is
left alone, as g2 does.
"""

from __future__ import annotations

import ast
import functools
import runpy
import sys
from pathlib import Path
from typing import Any

import torch

_compile = torch.compile
_call = torch.nn.Module.__call__
_inside = False


@functools.wraps(_compile)
def compile(*args: Any, **options: Any) -> Any:
    kept = {k: v for k, v in options.items() if k not in ("mode", "options")}
    return _compile(*args, **{**kept, "backend": "eager", "fullgraph": False})


def outermost(module: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
    bare = type(module).__module__.startswith("torch.nn.modules") and not module._modules
    if bare or isinstance(module, torch.jit.ScriptModule):
        return _call(module, *args, **kwargs)
    if module._compiled_call_impl is None:
        module.compile()
    torch.nn.Module.__call__ = _call  # type: ignore[method-assign]
    try:
        return module(*args, **kwargs)
    finally:
        torch.nn.Module.__call__ = outermost  # type: ignore[method-assign]


def compiles(source: str) -> bool:
    """Whether a script compiles something itself: it names an attribute `compile` of anything but `re`."""
    return any(
        isinstance(node, ast.Attribute) and node.attr == "compile" and ast.unparse(node.value) != "re"
        for node in ast.walk(ast.parse(source))
    )


if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    script = sys.argv[0]
    torch.compile = compile  # type: ignore[assignment]
    if not compiles(Path(script).read_text("utf-8")):
        torch.nn.Module.__call__ = outermost  # type: ignore[method-assign]
    sys.path[0] = str(Path(script).resolve().parent)
    runpy.run_path(script, run_name="__main__")
