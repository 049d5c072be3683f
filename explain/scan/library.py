"""What torch's own functions, methods and modules give, as kinds."""

from __future__ import annotations

from g2.explain.scan.tables import FUNCTIONS, METHODS, REDUCED_WITH_INDICES, TENSOR_PLACES
from g2.explain.scan.values import GUESSED, MAYBE, TENSOR, UNKNOWN, Kind, instance


def function(name: str) -> Kind | None:
    """What torch's function or class of this name (without "torch.") gives; None when it is not known."""
    found = FUNCTIONS.get(name)
    if found is not None:
        return found
    if "." not in name:
        return None if name in {"compile", "vmap"} or name[:1].isupper() or name.startswith("_") else TENSOR
    if name.startswith("nn.") and name.count(".") <= 3 and name.rpartition(".")[2][:1].isupper():
        return instance(f"torch.{name}")
    if name.startswith("Tensor."):
        return method(name[7:])
    for place in TENSOR_PLACES:
        if name.startswith(place):
            return TENSOR
    if name.startswith("optim.") and name.rpartition(".")[2][:1].isupper():
        return instance(f"torch.{name}")
    if name.startswith("distributions.") and name.rpartition(".")[2][:1].isupper():
        return instance(f"torch.{name}")
    return None


def method(name: str, arguments: int = 0) -> Kind:
    """What this method of a tensor gives when it is called with so many arguments."""
    found = METHODS.get(name)
    if found is not None:
        return found
    if name in REDUCED_WITH_INDICES and arguments:
        return _REDUCED
    return TENSOR


def _pair(*kinds: Kind) -> Kind:
    return frozenset({("T", kinds)})


_REDUCED = _pair(TENSOR, TENSOR)
_LSTM = _pair(TENSOR, _pair(TENSOR, TENSOR))
_GRU = _pair(TENSOR, TENSOR)
_ATTENTION = _pair(TENSOR, MAYBE)


def called(name: str) -> Kind:
    """What calling an instance of this class gives: one of torch's modules, or something unknown."""
    if name.startswith("torch.nn."):
        last = name.rpartition(".")[2]
        if last == "LSTM":
            return _LSTM
        if last in {"GRU", "RNN"}:
            return _GRU
        if last == "LSTMCell":
            return _GRU
        if last == "MultiheadAttention":
            return _ATTENTION
        if last in {"Module", "ModuleList", "ModuleDict"}:
            return GUESSED
        return TENSOR
    return UNKNOWN
