"""A tensor as a leaf: its facts, its values, a digest of its bytes."""

from __future__ import annotations

import ctypes
import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

import torch

from g2.rewrite.trial.deeds import Leaf

# Bytes of tensors that are read, before the call and after it (hashing goes at about 1 GB/s, and a proof makes some 50
# calls), and bytes that are held until they are saved. Of what is not read, only that it was written to is seen.
READ = 256 << 20
KEPT = 128 << 20
SEPARATOR = "\n"  # between the paths of the fact "shares"
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")


def plain(text: str) -> str:
    """Addresses of objects taken out: they differ between any two runs of the same code."""
    return _ADDRESS.sub("0x...", text)


def qualified(kind: type) -> str:
    """The type's full name, a builtin's without its module."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def hashed(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


@dataclass
class Memory:
    """Who shares memory with whom. Holds on to what it was told of, so that no address is given out twice.

    begun: by path, the id and the version of the tensor that stood there before the call.
    """

    storages: dict[int, list[str]] = field(default_factory=dict[int, list[str]])
    objects: dict[int, str] = field(default_factory=dict[int, str])
    begun: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    held: list[Any] = field(default_factory=list[Any])

    def meet(self, path: str, tensor: torch.Tensor) -> tuple[str, tuple[str, ...]]:
        """(the path under which this very object was met first, the other paths that share its memory)."""
        first = self.objects.setdefault(id(tensor), path)
        if first == path:
            self.held.append(tensor)
        key = storage(tensor)
        if key is None:
            return first, ()
        known = self.storages.setdefault(key, [])
        others = tuple(other for other in known if other != path)
        if path not in known:
            known.append(path)
        return first, others


@dataclass
class Budget:
    """What may still be read and kept, in bytes."""

    read: int = READ
    keep: int = KEPT


def leaf(path: str, tensor: torch.Tensor, memory: Memory, budget: Budget, known: str | None = None) -> Leaf:
    """The tensor at `path`. known: a digest; where it is still right, and nothing was written, values are not kept."""
    first, others = memory.meet(path, tensor)
    facts = {
        "type": qualified(type(tensor)),
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "shape": str(list(tensor.shape)),
        "device": str(tensor.device),
        "layout": str(tensor.layout).removeprefix("torch."),
        "requires_grad": str(tensor.requires_grad),
        "is": "" if first == path else first,
        "shares": SEPARATOR.join(others),
    }
    identity, version = memory.begun.get(path, (id(tensor), -1))
    facts["rebound"] = "" if identity == id(tensor) else "yes"
    written = identity == id(tensor) and version_of(tensor) not in (version, -1) and version >= 0
    values: torch.Tensor | None = None
    digest = ""
    try:
        if tensor.layout is torch.strided:
            facts["stride"] = str(
                [step for step, size in zip(tensor.stride(), tensor.shape, strict=True) if size != 1]
                if tensor.numel()
                else []
            )
            facts["offset"] = str(tensor.storage_offset())
        size = tensor.numel() * tensor.element_size()
        if size <= budget.read:
            budget.read -= size
            found = values_of(tensor)
            digest = digest_of(found)
            if (digest != known or written) and size <= budget.keep:
                budget.keep -= size
                values = found.clone() if _overlaps(found, tensor) else found
        else:
            digest = "too large to be read" + (", written to" if written else "")
    except (RuntimeError, NotImplementedError, TypeError) as error:
        # Meta and fake tensors, and subclasses that are no tensor inside, have no values to read.
        digest = f"cannot be read: {type(error).__name__}"
    return Leaf(path, "tensor", facts=tuple(facts.items()), values=values, digest=digest)


def values_of(tensor: torch.Tensor) -> torch.Tensor:
    """Its values as a contiguous tensor on the CPU, which may be the tensor's own memory. Raises RuntimeError or
    NotImplementedError for a tensor that has none."""
    with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
        found = tensor.detach()
        if found.layout is not torch.strided:
            found = found.to_dense()
        if found.is_quantized:
            found = found.dequantize()
        found = found.cpu().resolve_conj().resolve_neg().contiguous()
        if type(found) is not torch.Tensor:
            found = found.as_subclass(torch.Tensor)
        if found.numel() and not found.data_ptr():
            raise NotImplementedError("no memory behind it")
        return found


def digest_of(values: torch.Tensor) -> str:
    """Of contiguous values on the CPU. Through their memory: numpy may not be there."""
    size = values.numel() * values.element_size()
    if not size:
        return "empty"
    return hashlib.blake2b((ctypes.c_char * size).from_address(values.data_ptr()), digest_size=16).hexdigest()


def version_of(tensor: torch.Tensor) -> int:
    """How often it was written to; -1 of an inference tensor, which does not count."""
    return -1 if tensor.is_inference() else tensor._version


def _overlaps(found: torch.Tensor, tensor: torch.Tensor) -> bool:
    return tensor.device.type == "cpu" and storage(found) == storage(tensor)


def storage(tensor: torch.Tensor) -> int | None:
    """The address of what a tensor holds; None where there is none."""
    try:
        return tensor.untyped_storage().data_ptr() or None
    except (RuntimeError, NotImplementedError):
        return None
