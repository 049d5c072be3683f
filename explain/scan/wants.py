"""What a spot may need a value to be, and how sure it is that it is that."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from g2.explain.scan.model import Sureness
from g2.explain.scan.tables import RNN
from g2.explain.scan.values import TENSORS, Kind

_LOCKS = frozenset({"threading.Lock", "threading.RLock", "threading.Condition", "threading.Semaphore", "_thread.lock"})
_RANDOMS = frozenset(
    {"random.Random", "numpy.random.Generator", "numpy.random.default_rng", "numpy.random.SeedSequence"}
)
_SURE, _LIKELY, _POSSIBLE = Sureness.SURE, Sureness.LIKELY, Sureness.POSSIBLE


def _tensor(atom: Any) -> bool:
    return bool(atom == "t" or atom == "tb")


def _mask(atom: Any) -> bool:
    return bool(atom == "tb")


def _array(atom: Any) -> bool:
    return bool(atom == "A")


def _tensors(atom: Any) -> bool:
    if isinstance(atom, str) or atom[0] not in "LT":
        return False
    inner = atom[1] if atom[0] == "T" else (atom[1],)
    return any(kind & TENSORS for kind in inner)


def _rnn(atom: Any) -> bool:
    return isinstance(atom, tuple) and atom[0] == "I" and atom[1] in RNN


def _optimizer(atom: Any) -> bool:
    return isinstance(atom, tuple) and atom[0] == "I" and (atom[1].startswith("torch.optim.") or atom[1] == "optimizer")


def _generator(atom: Any) -> bool:
    return isinstance(atom, tuple) and atom[0] == "I" and atom[1] == "torch.Generator"


def _lock(atom: Any) -> bool:
    return isinstance(atom, tuple) and atom[0] == "I" and atom[1] in _LOCKS


def _logger(atom: Any) -> bool:
    return isinstance(atom, tuple) and atom[0] == "I" and atom[1] == "logging.Logger"


def _number(atom: Any) -> bool:
    return bool(atom == "n")


def _list(atom: Any) -> bool:
    return isinstance(atom, tuple) and atom[0] in "LT"


def _random(atom: Any) -> bool:
    return isinstance(atom, tuple) and atom[0] == "I" and atom[1] in _RANDOMS


def _loader(atom: Any) -> bool:
    return isinstance(atom, tuple) and atom[0] == "I" and atom[1].endswith("DataLoader")


def _root(atom: Any) -> bool:
    return bool(atom == ("I", "root"))


def _module(atom: Any) -> bool:
    return isinstance(atom, tuple) and (
        atom[0] == "S" or (atom[0] == "I" and (atom[1] == "module" or atom[1].startswith("torch.nn.")))
    )


WANTS: dict[str, Callable[[Any], bool]] = {
    "tensor": _tensor,
    "mask": _mask,
    "array": _array,
    "tensors": _tensors,
    "rnn": _rnn,
    "optimizer": _optimizer,
    "generator": _generator,
    "lock": _lock,
    "logger": _logger,
    "number": _number,
    "list": _list,
    "random": _random,
    "loader": _loader,
    "root": _root,
    "module": _module,
}


@lru_cache(maxsize=50_000)
def level(kind: Kind, what: str) -> Sureness | None:
    """How sure it is that a value of this kind is what is wanted; None when it is not, or nothing is known."""
    wanted = WANTS[what]
    rest = False
    guess = False
    found = False
    for atom in kind:
        if atom == "~":
            guess = True
        elif atom == "?":
            rest = True
        elif wanted(atom):
            found = True
        else:
            rest = True
    if not found:
        return None
    if rest:
        return Sureness.POSSIBLE if guess else Sureness.LIKELY
    return Sureness.LIKELY if guess else Sureness.SURE


def least(*levels: Sureness) -> Sureness:
    """The least sure of these."""
    return _POSSIBLE if _POSSIBLE in levels else _LIKELY if _LIKELY in levels else _SURE


def most(*levels: Sureness) -> Sureness:
    """The surest of these."""
    return _SURE if _SURE in levels else _LIKELY if _LIKELY in levels else _POSSIBLE
