"""The text of a torch.library operator around a function that Dynamo cannot follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Input:
    """One argument: its name in the operator, and what it was in the run. `shape` is that of a tensor."""

    name: str
    kind: str  # "torch.Tensor", "int", "float", "bool", "str"
    shape: tuple[int, ...] | None = None
    dtype: str = ""


def operator_text(
    torch: str, namespace: str, name: str, call: str, inputs: Sequence[Input], shape: tuple[int, ...] | None, dtype: str
) -> str:
    """A whole definition: the operator, and a fake that tells the result's shape.

    call: the call as it is made inside, with the inputs' names. shape, dtype: of the result as it was seen; None and ""
    when it was not seen, then it is taken to be like the first tensor.
    """
    signature = ", ".join(f"{one.name}: {one.kind.replace('torch.', f'{torch}.')}" for one in inputs)
    names = ", ".join(one.name for one in inputs)
    return (
        f'@{torch}.library.custom_op("{namespace}::{name}", mutates_args=())\n'
        f"def {name}({signature}) -> {torch}.Tensor:\n"
        f"    return {call}\n\n\n"
        f"@{name}.register_fake\n"
        f"def _({names}):\n"
        f"    return {_fake(torch, inputs, shape, dtype)}\n"
    )


def _fake(torch: str, inputs: Sequence[Input], shape: tuple[int, ...] | None, dtype: str) -> str:
    tensors = [one for one in inputs if one.shape is not None]
    first = tensors[0]
    other = f", dtype={torch}.{dtype}" if dtype and dtype != first.dtype else ""
    if shape is None or shape == first.shape:
        return f"{torch}.empty_like({first.name}{other})"
    same = next((one for one in tensors if one.shape == shape), None)
    if same is not None:
        kind = f", dtype={torch}.{dtype or first.dtype}" if dtype != same.dtype else ""
        return f"{torch}.empty_like({same.name}{kind})"
    sizes = ", ".join(_size(size, at, tensors) for at, size in enumerate(shape))
    return f"{first.name}.new_empty(({sizes}{',' if len(shape) == 1 else ''}){other})"


def _size(size: int, at: int, tensors: Sequence[Input]) -> str:
    """A size of the result as one of an input's, the same dimension's if that will do; else the number."""
    places = [(one.name, d) for one in tensors for d, n in enumerate(one.shape or ()) if n == size and size > 1]
    places.sort(key=lambda place: place[1] != at)
    return f"{places[0][0]}.shape[{places[0][1]}]" if places else str(size)
