"""What of Triton's interpreter and of Inductor's runtime is not public. For triton 3.6 to 3.9 with torch 2.11 to 2.15.

`install` says by name what it did not find.
"""

from __future__ import annotations

import importlib
import inspect
import os
from typing import Any

import numpy as np

_NEEDED = (
    "InterpreterBuilder", "interpreter_builder", "interpreter_semantic", "ReduceOps", "ScanOps", "TensorHandle",
    "InterpretedFunction", "_patch_lang", "_implicit_cvt", "_get_np_dtype", "TritonSemantic",
)  # fmt: skip
PAIRS = {"2.11": "3.6", "2.12": "3.7", "2.13": "3.7", "2.14": "3.8", "2.15": "3.9"}


class Missing(Exception):
    """Triton is not there, or not as it is known."""


def triton_is_there() -> None:
    """Raises Missing, saying which triton goes with this torch."""
    import torch

    release = ".".join(torch.__version__.split(".")[:2])
    wanted = PAIRS.get(release)
    advice = f"torch {release} goes with triton {wanted}" if wanted else f"torch {release} is not one of 2.11 to 2.15"
    try:
        triton = importlib.import_module("triton")
        importlib.import_module("triton.backends.compiler")
    except ImportError as error:
        raise Missing(f"triton cannot be imported ({error}); {advice}") from None
    compat: Any = importlib.import_module("torch.utils._triton")
    if not compat.has_triton_package():
        raise Missing(f"torch {release} does not take triton {triton.__version__}; {advice}")


def interpreter() -> Any:
    """Triton's interpreter, with what g2 puts in its place. Raises Missing. TRITON_INTERPRET must be set before."""
    if os.environ.get("TRITON_INTERPRET") != "1":
        raise Missing("TRITON_INTERPRET=1 was not set before triton was imported")
    triton_is_there()
    module: Any = importlib.import_module("triton.runtime.interpreter")
    absent = [name for name in _NEEDED if not hasattr(module, name)]
    if absent:
        triton: Any = importlib.import_module("triton")
        raise Missing(f"triton {triton.__version__} has no {', '.join(absent)} in triton.runtime.interpreter")
    _replace(module)
    return module


class _Results:
    """What the builder of real code gives for inline assembly: an operation with results."""

    def __init__(self, *handles: Any) -> None:
        self.handles = handles

    def get_result(self, at: int) -> Any:
        return self.handles[at]


def _replace(module: Any) -> None:
    from g2.check.child.interpret import folding, instructions, libdevice, memory, numbers

    np.seterr(all="ignore")

    def inline(self: Any, text: str, constraints: str, values: Any, types: Any, pure: bool, pack: int) -> Any:
        made = instructions.run(text, [one.data for one in values])
        dtype = types[0].scalar if isinstance(types, (list, tuple)) else types.scalar
        handle = module.TensorHandle(made.astype(module._get_np_dtype(dtype), copy=False), dtype)
        return _Results(handle)

    class Builder(memory.Guarded, numbers.Numbers, module.InterpreterBuilder):  # type: ignore[misc]
        create_inline_asm = inline

    module.interpreter_builder = Builder()
    module.interpreter_semantic = module.TritonSemantic(module.interpreter_builder)
    for operations, name, ours in (
        (module.ReduceOps, "generic_reduce", folding.reduce),
        (module.ScanOps, "generic_scan", folding.scan),
    ):
        setattr(operations, name, ours)
        operations.apply_impl = _dispatch(operations.apply_impl, ours, operations is module.ScanOps)
    _patch_once(module)
    libdevice.install()


def _dispatch(theirs: Any, ours: Any, scans: bool) -> Any:
    from g2.check.child.interpret import folding

    def apply_impl(self: Any, given: Any) -> Any:
        if folding.in_lacking_format(given) and not (scans and self.reverse):
            return ours(self, given)
        return theirs(self, given)

    return apply_impl


def _patch_once(module: Any) -> None:
    """triton.language is patched once for all: the interpreter does it at each call of each function, a millisecond."""
    done: set[int] = set()
    theirs = module._patch_lang

    class Nothing:
        def restore(self) -> None:
            pass

    def patch(fn: Any) -> Any:
        language: Any = importlib.import_module("triton.language")
        core: Any = importlib.import_module("triton.language.core")
        modules = {id(value) for value in fn.__globals__.values() if inspect.ismodule(value)}
        new = (modules & {id(language), id(core)}) - done
        if new:
            theirs(fn)
            done.update(new)
        return Nothing()

    module._patch_lang = patch
