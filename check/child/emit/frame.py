"""The parts of an emitted module that are the same in all of them."""

from __future__ import annotations

HEAD = """\
import argparse
import math
import os
import statistics
import sys
from math import inf, nan
from pathlib import Path

INTERPRET = "--interpret" in sys.argv or os.environ.get("TRITON_INTERPRET") == "1"
if INTERPRET:
    os.environ["TRITON_INTERPRET"] = "1"  # before triton is imported

import torch
import torch.utils._python_dispatch
import triton
import triton.language as tl
from triton.language import math as tl_math

DEVICE = torch.device("cpu" if INTERPRET else "cuda")
aten = torch.ops.aten
"""

LIBDEVICE = """\
if INTERPRET:
    # Triton's interpreter has no libdevice: the functions that are used here, by torch in float64.
    from triton.runtime.interpreter import TensorHandle

    class libdevice:
        @staticmethod
        def given(function, dtype=None):
            def call(*args):
                tensors = [one for one in args if isinstance(one, tl.tensor)]
                first = tensors[0].handle.data
                wide = [torch.as_tensor(one.handle.data if isinstance(one, tl.tensor) else one) for one in args]
                wide = [one.double() if one.is_floating_point() else one for one in wide]
                made = function(*wide).numpy().astype(first.dtype if dtype is None else getattr(tl_numpy, dtype))
                kind = tensors[0].dtype if dtype is None else getattr(tl, dtype)
                block = tl.block_type(kind, list(made.shape)) if tensors[0].type.is_block() else kind
                return tl.tensor(TensorHandle(made, kind), block)

            return staticmethod(call)

    import numpy as tl_numpy

{functions}
else:
    from triton.language.extra import libdevice
"""

# torch's counterparts of libdevice's functions, and the type of the result where it is another one than the argument's.
FUNCTIONS: dict[str, tuple[str, str]] = {
    **{name: (f"torch.{name}", "") for name in (
        "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "copysign", "cos", "cosh", "erf", "erfc",
        "erfinv", "exp", "exp2", "expm1", "floor", "fmod", "hypot", "lgamma", "log", "log10", "log1p", "log2", "pow",
        "rsqrt", "sin", "sinh", "sqrt", "tan", "tanh", "trunc", "ldexp",
    )},
    "erfcx": ("torch.special.erfcx", ""),
    "cyl_bessel_i0": ("torch.special.i0", ""),
    "cyl_bessel_i1": ("torch.special.i1", ""),
    **{name: (f"torch.special.bessel_{name}", "") for name in ("j0", "j1", "y0", "y1")},
    "fast_tanhf": ("torch.tanh", ""),
    "nearbyint": ("torch.round", ""),
    "rint": ("torch.round", ""),
    "abs": ("torch.abs", ""),
    "fma": ("lambda x, y, z: x * y + z", ""),
    "mul_rn": ("torch.mul", ""),
    "div_rn": ("torch.div", ""),
    "nextafter": ("lambda x, y: torch.nextafter(x.float(), y.float())", ""),
    "ilogb": ("lambda x: torch.frexp(x)[1] - 1", "int32"),
    "isinf": ("torch.isinf", "int32"),
    "isnan": ("torch.isnan", "int32"),
    "signbit": ("torch.signbit", "int32"),
    "llrint": ("torch.round", "int64"),
}  # fmt: skip

SUPPORT = '''\
def reinterpret_tensor(tensor, size, stride, offset=0):
    """The same memory, seen with other sizes and strides."""
    return torch.as_strided(tensor, size, stride, tensor.storage_offset() + offset)


def strided(tensor, size, stride):
    """What a library call gave, in the layout that the kernels were made for."""
    if tuple(tensor.stride()) == tuple(stride) or tensor.numel() < 2:
        return tensor
    return torch.empty_strided(size, stride, dtype=tensor.dtype, device=tensor.device).copy_(tensor)


def example_inputs():
    """Those that were recorded, where the file beside this one is there, else random ones of the same form."""
    saved = Path(__file__).with_suffix(".pt")
    if saved.exists():
        found = torch.load(saved, map_location="cpu", weights_only=True)["inputs"]
        return [alone(one, DEVICE) if isinstance(one, torch.Tensor) else one for one in found]
    torch.manual_seed(0)
    return [made(*one) if isinstance(one, tuple) else one for one in INPUTS]


def reach(size, stride):
    """How many elements of storage these sizes and strides take; fewer than there are elements where it is expanded."""
    return 0 if 0 in size else 1 + sum((n - 1) * step for n, step in zip(size, stride))


def made(size, stride, dtype, low, high):
    """A tensor with values between two bounds."""
    flat = torch.empty(reach(size, stride), dtype=dtype)
    if dtype == torch.bool:
        flat.copy_(torch.rand(flat.shape) < 0.5)
    elif dtype.is_floating_point or dtype.is_complex:
        flat.copy_(low + (high - low) * torch.rand(flat.shape, dtype=torch.float64))
    else:
        flat.copy_(torch.randint(int(low), int(high) + 1, flat.shape))
    return torch.as_strided(flat.to(DEVICE), size, stride)


def alone(tensor, device=None):
    """A copy with the same sizes and strides, those of an expanded tensor too."""
    flat = torch.as_strided(tensor, (reach(tensor.shape, tensor.stride()),), (1,))
    return torch.as_strided(flat.to(device or tensor.device, copy=True), tensor.shape, tensor.stride())


def copied(inputs):
    return [alone(x) if isinstance(x, torch.Tensor) else x for x in inputs]
'''

CHECK = '''\
# Room for rounding beside what the ATen operators' own error allows, relative to the largest element: that of
# torch.testing.assert_close, with more in float32, since sums of thousands of terms are made in another order.
ALLOWED = {torch.float64: 1e-7, torch.float32: 1e-5, torch.float16: 1e-3, torch.bfloat16: 1.6e-2}


class InDouble(torch.utils._python_dispatch.TorchDispatchMode):
    """Casts inside the graph to a smaller floating type go to float64 too."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        wide = {torch.float32: torch.float64, torch.float16: torch.float64, torch.bfloat16: torch.float64}
        if "view.dtype" not in str(func):
            swap = lambda one: wide.get(one, one) if isinstance(one, torch.dtype) else one
            args, kwargs = torch.utils._pytree.tree_map(swap, (args, dict(kwargs or {})))
        return func(*args, **(kwargs or {}))


def in_double(inputs):
    """What the graph gives in float64, or None where it has operators that do not take it."""
    if aten_graph is None or RANDOM:
        return None
    try:
        with InDouble():
            wide = [x.double() if isinstance(x, torch.Tensor) and x.is_floating_point() else x for x in copied(inputs)]
            return list(aten_graph(wide))
    except Exception as error:
        print(f"no run in float64: {type(error).__name__}")
        return None


def check(inputs):
    """The kernels against the ATen graph that they were made from. Whether all is equal but for rounding: whether they
    are no further from the same graph in float64 than three times what the ATen operators are.
    """
    new = call(copied(inputs))
    old = expected(inputs)
    exact = in_double(inputs) or old
    fine = len(new) == len(old)
    for at, (one, other, target) in enumerate(zip(new, old, exact)):
        if not isinstance(other, torch.Tensor):
            continue
        one, other = one.cpu(), other.cpu()
        if one.shape != other.shape or one.dtype != other.dtype:
            print(f"output {at}: {one.dtype}{list(one.shape)} instead of {other.dtype}{list(other.shape)}")
            fine = False
            continue
        if RANDOM:
            print(f"output {at}: {other.dtype}{list(other.shape)} depends on random numbers: not compared")
            continue
        right = target.cpu().double() if other.is_floating_point() else other.double()
        largest = torch.where(right.isfinite(), right.abs(), 0.0).max().item() if right.numel() else 0.0
        worst, own = distance(one.double(), right), distance(other.double(), right)
        same = worst <= 3 * own + ALLOWED.get(other.dtype, 0.0) * largest
        fine = fine and same
        print(f"output {at}: {other.dtype}{list(other.shape)} largest difference {worst:.3g} "
              f"(ATen's {own:.3g}), largest element {largest:.3g}: {'equal up to rounding' if same else 'DIFFERENT'}")
    return fine


def distance(one, other):
    gap = torch.where((one == other) | (one.isnan() & other.isnan()), 0.0, (one - other).abs())
    return gap.max().item() if gap.numel() else 0.0
'''

BENCH = '''\
def benchmark(inputs, repeat=100):
    """Median milliseconds of a call by CUDA events, the L2 flushed before each: kernels, then ATen's operators."""
    flush = torch.empty(512 << 20, dtype=torch.int8, device=DEVICE)
    for name, function in (("Triton kernels", call), ("ATen operators", aten_graph)):
        if function is None:
            continue
        given = copied(inputs)
        for _ in range(3):
            function(given)
        begin = [torch.cuda.Event(enable_timing=True) for _ in range(repeat)]
        end = [torch.cuda.Event(enable_timing=True) for _ in range(repeat)]
        for at in range(repeat):
            flush.zero_()
            begin[at].record()
            function(given)
            end[at].record()
        torch.cuda.synchronize()
        times = [one.elapsed_time(other) for one, other in zip(begin, end)]
        print(f"{name}: {statistics.median(times):.4f} ms (median of {repeat}, fastest {min(times):.4f} ms)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--interpret", action="store_true", help="run the kernels on the CPU by Triton's interpreter")
    parser.add_argument("--no-benchmark", action="store_true", help="only check")
    asked = parser.parse_args()
    torch.set_grad_enabled(False)
    inputs = example_inputs()
    fine = check(inputs)
    if not INTERPRET and not asked.no_benchmark:
        benchmark(inputs)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
'''
