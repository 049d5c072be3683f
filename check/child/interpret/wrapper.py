"""Inductor's wrapper module, written for a GPU, made to run on the CPU.

The text is changed in four places only: devices become the CPU, buffers are allocated here (full of NaN, so that what
is read before it was written shows), what a library call gave is brought to the strides that the GPU's would have, and
kernels go to `on_kernel` instead of to a compiler. For torch 2.11 to 2.15.
"""

from __future__ import annotations

import ast
import importlib
import types
from collections.abc import Callable
from typing import Any

import torch

from g2.check.child import attention

Made = Callable[[str, str], Any]
_POISON = {torch.bool: True, torch.uint8: 0x7D}
_GPU = ("cuda", "hip", "xpu")


class _ToCpu(ast.NodeTransformer):
    """Devices in calls, and checks of the strides of what a library gave."""

    def __init__(self) -> None:
        self.inputs: set[str] = set()
        self.inside = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Assign) and ast.unparse(inner.value) == "args":
                self.inputs |= {name.id for name in ast.walk(inner.targets[0]) if isinstance(name, ast.Name)}
        self.inside += 1
        self.generic_visit(node)
        self.inside -= 1
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        value = node.value
        if self.inside and isinstance(value, str) and value.partition(":")[0] in _GPU:
            return ast.copy_location(ast.Constant("cpu"), node)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        self.generic_visit(node)
        call = node.value
        if (
            isinstance(call, ast.Call)
            and ast.unparse(call.func) == "assert_size_stride"
            and isinstance(target := call.args[0], ast.Name)
            and target.id not in self.inputs
        ):
            call.func = ast.copy_location(ast.Name("g2_restride", ast.Load()), call)
            assign = ast.Assign([ast.Name(target.id, ast.Store())], call)
            return ast.fix_missing_locations(ast.copy_location(assign, node))
        return node


def load(text: str, path: str, on_kernel: Made, constants: dict[str, torch.Tensor]) -> dict[str, Any]:
    """The module's namespace; its `call` takes a list of inputs. on_kernel: makes what stands for a Triton kernel, of
    its name and source. Raises whatever the module raises when it is loaded.
    """
    _host_side()
    tree = ast.fix_missing_locations(_ToCpu().visit(ast.parse(text)))
    module = types.ModuleType("g2_interpreted")
    scope = vars(module)
    scope.update({"__file__": path, "g2_restride": _restride})
    with _kernels_go_to(on_kernel):
        exec(compile(tree, path, "exec"), scope)
    scope.update(constants)
    scope["device"] = lambda *_, **__: torch.device("cpu")
    for name in [name for name in scope if name.startswith("empty_strided_") and "p2p" not in name]:
        scope[name] = _poisoned
    scope["copy_if_misaligned"] = lambda tensor: tensor
    scope["assert_alignment"] = lambda *_, **__: None
    scope["get_raw_stream"] = lambda _: 0
    if "extern_kernels" in scope:
        scope["extern_kernels"] = _Extern(scope["extern_kernels"])
    if "call" not in scope and "runner" in scope:
        scope["call"] = scope["runner"].call
    return scope


class _kernels_go_to:
    """While the module is loaded, AsyncCompile gives what `on_kernel` makes."""

    def __init__(self, on_kernel: Made) -> None:
        self.cls: Any = importlib.import_module("torch._inductor.async_compile").AsyncCompile
        self.on_kernel = on_kernel
        self.kept: dict[str, Any] = {}

    def __enter__(self) -> None:
        self.kept = {name: self.cls.__dict__[name] for name in ("triton", "wait")}
        on_kernel = self.on_kernel
        self.cls.triton = lambda _, name, code, *rest, **named: on_kernel(name, code)
        self.cls.wait = lambda _, scope: None

    def __exit__(self, *_: object) -> None:
        for name, value in self.kept.items():
            setattr(self.cls, name, value)


def _host_side() -> None:
    """What the module imports or enters at each call. This process has no other use for torch.cuda."""
    attention.stand_in()
    c: Any = torch._C
    for name in ("_cuda_getCurrentRawStream", "_xpu_getCurrentRawStream"):
        if not hasattr(c, name):
            setattr(c, name, lambda _: 0)
    cuda: Any = torch.cuda
    cuda._DeviceGuard = _Nothing
    cuda.device = _Nothing
    cuda.set_device = lambda _: None
    cuda.synchronize = lambda _=None: None
    helpers: Any = importlib.import_module("torch._inductor.runtime.triton_helpers")
    helpers.set_driver_to_gpu = lambda: None


class _Extern:
    """extern_kernels: what is registered for GPUs only, by ATen."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        # bias_addmm (torch/_inductor/kernel/mm.py) takes a shorter way on GPUs for a bias whose stride is 0.
        return torch.addmm if name == "bias_addmm" else getattr(self._real, name)


class _Nothing:
    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def _poisoned(size: Any, stride: Any, dtype: torch.dtype, *_: Any, **__: Any) -> torch.Tensor:
    made = torch.empty_strided(size, stride, dtype=dtype)
    bytes_ = torch.empty(0, dtype=torch.uint8).set_(made.untyped_storage())
    if dtype.is_floating_point or dtype.is_complex:
        torch.as_strided(made, (made.untyped_storage().nbytes() // made.itemsize,), (1,)).fill_(float("nan"))
    else:
        bytes_.fill_(_POISON.get(dtype, 0x7D))
    return made


def _restride(tensor: torch.Tensor, size: Any, stride: Any, *_: Any) -> torch.Tensor:
    """Raises AssertionError where the size is another."""
    size, stride = tuple(size), tuple(stride)
    if tuple(tensor.shape) != size:
        raise AssertionError(f"a library call gave the size {tuple(tensor.shape)}, not {size}")
    wanted = [(have, want) for count, have, want in zip(size, tensor.stride(), stride, strict=True) if count > 1]
    if all(have == want for have, want in wanted) or not tensor.numel():
        return tensor
    return torch.empty_strided(size, stride, dtype=tensor.dtype).copy_(tensor)
