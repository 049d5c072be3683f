"""Child side: `--compile module:function` and `--compile Class.method`, for scripts that compile nothing themselves.

A class's method is compiled when the class is made, wherever it is defined. A function of an imported module is
compiled when that module has been imported; a function of the script itself as soon as the script has defined it, which
a line trace of the script's own module sees.
"""

from __future__ import annotations

import builtins
import functools
import sys
import types
from collections.abc import Callable
from typing import Any

from g2.capture.journal import Journal

_SCRIPT = "__main__"


def watch(names: tuple[str, ...], journal: Journal, script: str) -> Callable[[], None]:
    """Compile what `names` say, as it comes into being.

    `script` is the stem of the script's file, which is a name of its module. Returns
    a function that tells the journal which names never came.
    """
    methods = {n for n in names if ":" not in n and n != "none"}
    functions = {_split(n, script) for n in names if ":" in n}
    found: set[str] = set()
    if methods:
        _watch_classes(methods, found)
    if functions:
        _watch_lines(functions, found)

    def missing() -> None:
        for name in sorted(methods - found) + sorted(f"{m}:{f}" for m, f in functions if f"{m}:{f}" not in found):
            shown = name.replace(f"{_SCRIPT}:", f"{script}:")
            what = f"--compile {shown}: nothing of that name came into being while the script ran"
            journal.write({"e": "lost", "what": what})

    return missing


def _split(name: str, script: str) -> tuple[str, str]:
    module, _, function = name.partition(":")
    return (_SCRIPT if module in (script, "") else module), function


def _compiled(function: Any) -> Any:
    import torch

    return torch.compile(function)


def _watch_classes(methods: set[str], found: set[str]) -> None:
    real = builtins.__build_class__

    @functools.wraps(real)
    def build(body: Any, name: str, *bases: Any, **options: Any) -> Any:
        made = real(body, name, *bases, **options)
        for method in sorted(methods):
            owner, _, attribute = method.rpartition(".")
            if made.__qualname__ == owner and isinstance(vars(made).get(attribute), types.FunctionType):
                setattr(made, attribute, _compiled(vars(made)[attribute]))
                found.add(method)
        return made

    builtins.__build_class__ = build  # type: ignore[assignment]


def _watch_lines(functions: set[tuple[str, str]], found: set[str]) -> None:
    """A trace function that follows module bodies only, and takes itself away when everything was found."""
    left = set(functions)

    def look(module: str, namespace: dict[str, Any]) -> None:
        for wanted in [w for w in left if w[0] == module and isinstance(namespace.get(w[1]), types.FunctionType)]:
            left.discard(wanted)
            found.add(":".join(wanted))
            namespace[wanted[1]] = _compiled(namespace[wanted[1]])
        if not left:
            sys.settrace(None)

    def lines(frame: types.FrameType, event: str, _argument: Any) -> Any:
        if event in ("line", "return"):
            look(frame.f_globals["__name__"], frame.f_globals)
        return lines if left else None

    def calls(frame: types.FrameType, _event: str, _argument: Any) -> Any:
        if frame.f_code.co_name != "<module>":
            return None
        return lines if any(frame.f_globals.get("__name__") == module for module, _ in left) else None

    sys.settrace(calls)
