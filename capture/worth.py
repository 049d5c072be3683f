"""Child side: which calls of a module are worth compiling, while the script compiles nothing itself.

Private torch used here (2.11 to 2.15): Module._compiled_call_impl, fx._symbolic_trace.is_fx_symbolic_tracing,
utils._python_dispatch._get_current_dispatch_mode, _C._is_tracing, _C._functorch.peek_interpreter_stack.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch.fx import _symbolic_trace
from torch.utils import _python_dispatch

_functorch: Any = importlib.import_module("torch._C._functorch")  # its stub leaves None out


def worth_compiling(module: torch.nn.Module) -> bool:
    """Whether a person would compile this call: not a bare loss or activation, a weight, nothing compiled or traced
    already.
    """
    if isinstance(module, (torch.jit.ScriptModule, torch.fx.GraphModule)):
        return False
    kind = type(module).__module__
    if kind.startswith("torch.nn.modules") and not module._modules:
        return False
    if kind.startswith("torch.nn.utils"):  # a parametrized weight that is read is no call of a model
        return False
    if module._compiled_call_impl is not None or type(module).__name__ == "OptimizedModule":
        return False
    return not (
        torch.compiler.is_compiling()
        or torch._C._is_tracing()
        or _symbolic_trace.is_fx_symbolic_tracing()
        or _python_dispatch._get_current_dispatch_mode() is not None
        or _functorch.peek_interpreter_stack() is not None
    )
