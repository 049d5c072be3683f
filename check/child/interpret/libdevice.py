"""The functions of CUDA's libdevice and AMD's ocml, for Triton's interpreter, which has none of them.

Each is computed in float64 by NumPy or torch and rounded once to the type of the argument: nearer to the true value
than a GPU comes (CUDA Math API, "Mathematical Functions": 1 to 9 units in the last place for most). Results have the
types that triton/language/extra/cuda/libdevice.py gives them: `isnan`, `signbit`, `ilogb` int32, `llrint` int64.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import triton.language as tl
from triton.runtime.interpreter import TensorHandle, _get_np_dtype

from g2.check.child.interpret.numbers import Array, fused, narrow, wide

Function = Callable[..., Array]


class Unknown(Exception):
    """A function of libdevice that is not known here."""


def _torch(name: str) -> Function:
    function = getattr(torch.special, name, None) or getattr(torch, name)

    def call(*arrays: Array) -> Array:
        with torch.no_grad():
            made: Array = function(*[torch.from_numpy(np.ascontiguousarray(one)) for one in arrays]).numpy()
        return made

    return call


def _nextafter(x: Array, y: Array) -> Array:
    made: Array = np.nextafter(x, y)
    return made


def _power(x: Array, y: Array) -> Array:
    made: Array = np.power(x, y.astype(x.dtype))
    return made


def _ilogb(x: Array) -> Array:
    made: Array = np.where(x == 0, -(2**31), np.frexp(x)[1].astype(np.int64) - 1)
    return np.where(np.isinf(x), 2**31 - 1, np.where(np.isnan(x), -(2**31), made))


def _sinpi(x: Array) -> Array:
    return np.sin(np.pi * np.fmod(x, 2.0))


def _cospi(x: Array) -> Array:
    return np.cos(np.pi * np.fmod(x, 2.0))


def _round_away(x: Array) -> Array:
    return np.copysign(np.floor(np.abs(x) + 0.5), x)


# In float64, then rounded to the argument's type.
_SAME: dict[str, Function] = {
    **{name: getattr(np, name) for name in (
        "sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt",
        "floor", "ceil", "trunc", "rint", "cbrt", "hypot", "fmod", "copysign", "fmin", "fmax",
    )},
    **{f"a{name}": getattr(np, f"arc{name}") for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{name: _torch(name) for name in ("erf", "erfc", "erfinv", "erfcx")},
    "atan2": np.arctan2,
    "abs": np.abs,
    "fabs": np.abs,
    "nearbyint": np.rint,
    "round": _round_away,
    "remainder": lambda x, y: x - y * np.rint(x / y),
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "rcbrt": lambda x: 1 / np.cbrt(x),
    "exp10": lambda x: np.power(10.0, x),
    "logb": lambda x: np.floor(np.log2(np.abs(x))),
    "lgamma": _torch("gammaln"),
    "tgamma": lambda x: np.exp(_torch("gammaln")(x)) * np.where((x < 0) & (np.floor(x) % 2 != 0), -1.0, 1.0),
    "erfcinv": lambda x: _torch("erfinv")(1 - x),
    "normcdf": _torch("ndtr"),
    "normcdfinv": _torch("ndtri"),
    "j0": _torch("bessel_j0"),
    "j1": _torch("bessel_j1"),
    "y0": _torch("bessel_y0"),
    "y1": _torch("bessel_y1"),
    "cyl_bessel_i0": _torch("i0"),
    "cyl_bessel_i1": _torch("i1"),
    "sinpi": _sinpi,
    "cospi": _cospi,
    "fdim": lambda x, y: np.maximum(x - y, 0.0),
    "norm3d": lambda x, y, z: np.sqrt(x * x + y * y + z * z),
    "norm4d": lambda x, y, z, w: np.sqrt(x * x + y * y + z * z + w * w),
    "rhypot": lambda x, y: 1 / np.hypot(x, y),
    "saturatef": lambda x: np.clip(np.nan_to_num(x, nan=0.0), 0.0, 1.0),
    **{f"{name}_rn": function for name, function in (
        ("add", np.add), ("sub", np.subtract), ("mul", np.multiply), ("div", np.divide), ("rcp", lambda x: 1 / x),
        ("sqrt", np.sqrt), ("rsqrt", lambda x: 1 / np.sqrt(x)),
    )},
    # The fast ones are less exact on the GPU, by a bound that CUDA gives; here they are exact.
    **{f"fast_{name}f": getattr(np, name) for name in ("sin", "cos", "tan", "exp", "log", "log2", "log10", "tanh")},
    "fast_exp10f": lambda x: np.power(10.0, x),
    "fast_powf": np.power,
    "fast_dividef": np.divide,
}  # fmt: skip
# On the argument's own type.
_EXACT: dict[str, Function] = {
    "nextafter": _nextafter,
    "nextafterf": _nextafter,
    "pow": _power,
    "fma": fused,
    "fma_rn": fused,
    "ldexp": lambda x, n: np.ldexp(x.astype(np.float64), n.astype(np.int32)).astype(x.dtype),
    "scalbn": lambda x, n: np.ldexp(x.astype(np.float64), n.astype(np.int32)).astype(x.dtype),
    "ffs": lambda x: np.where(x == 0, 0, np.log2((x & -x).astype(np.float64)) + 1),
}
# With a type of their own.
_TYPED: dict[str, tuple[Any, Function]] = {
    **{name: (tl.int32, getattr(np, name)) for name in ("isinf", "isnan", "signbit")},
    "isinfd": (tl.int32, np.isinf),
    "isnand": (tl.int32, np.isnan),
    "finitef": (tl.int32, np.isfinite),
    "isfinited": (tl.int32, np.isfinite),
    "ilogb": (tl.int32, _ilogb),
    "llrint": (tl.int64, np.rint),
    "llround": (tl.int64, _round_away),
    "rint_to_int": (tl.int32, np.rint),
    "popc": (tl.int32, np.bitwise_count),
    "float2int_rn": (tl.int32, np.rint),
    "float2int_rz": (tl.int32, np.trunc),
    "float2int_rd": (tl.int32, np.floor),
    "float2int_ru": (tl.int32, np.ceil),
    "float_as_int": (tl.int32, lambda x: x.view(np.int32)),
    "int_as_float": (tl.float32, lambda x: x.view(np.float32)),
}


def call(name: str, *given: Any) -> Any:
    """What libdevice's `name` gives for tensors of Triton. Raises Unknown."""
    tensors: list[Any] = [one for one in given if isinstance(one, tl.tensor)]
    dtype = tensors[0].dtype if tensors else tl.float32
    arrays = np.broadcast_arrays(*[_array(one, dtype) for one in given])
    result = dtype
    if name in _SAME:
        made = _SAME[name](*[one.astype(np.float64) for one in arrays])
    elif name in _EXACT:
        # pow is not as exact in float32; a float32 rounded from float64 is as near as it can be.
        exact = name == "pow" and arrays[0].dtype == np.float32
        made = _EXACT[name](*([one.astype(np.float64) for one in arrays] if exact else arrays))
    elif name in _TYPED:
        result, function = _TYPED[name]
        made = function(np.ascontiguousarray(arrays[0]))
    else:
        raise Unknown(f"libdevice.{name} has no counterpart here")
    data = np.asarray(made)
    data = narrow(data, result) if data.dtype.kind == "f" else data.astype(_get_np_dtype(result))
    shape = next((one.shape for one in tensors if one.type.is_block() and list(one.shape) == list(data.shape)), None)
    block = result if shape is None and not any(one.type.is_block() for one in tensors) else None
    return tl.tensor(TensorHandle(data, result), block or tl.block_type(result, list(data.shape)))


def install() -> None:
    """Put them where kernels look: in the modules that are called libdevice."""
    for place in ("", ".cuda", ".hip"):
        try:
            module = importlib.import_module(f"triton.language.extra{place}.libdevice")
        except ImportError:
            continue
        names = {name for name, value in vars(module).items() if callable(value) and not name.startswith("_")}
        for name in names | _SAME.keys() | _EXACT.keys() | _TYPED.keys():
            if not isinstance(getattr(module, name, None), type):
                setattr(module, name, _caller(name))


def _caller(name: str) -> Callable[..., Any]:
    def function(*given: Any, **_: Any) -> Any:
        return call(name, *given)

    function.__name__ = name
    return function


def _array(value: Any, dtype: Any) -> Array:
    if isinstance(value, tl.tensor):
        return wide(value.handle.data, value.dtype)
    return np.asarray([getattr(value, "value", value)], dtype=np.float64 if dtype == tl.float64 else None)
