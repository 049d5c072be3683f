"""What is kept of one file: everything the scan of a project needs of it, without its source.

Facts depend on the file's content alone, not on where it lies, so they can be kept by a content key. They are plain
tuples inside (marshal writes them in one go), with these names for their parts.
"""

from __future__ import annotations

import hashlib
import marshal
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, NamedTuple

from g2.explain.scan.values import Value

_SUM = 16  # bytes of the checksum before what is kept


class Call(NamedTuple):
    """A call whose result or whose arguments matter elsewhere.

    callee: a value; or ("m", receiver, name) for a method, ("super", name), ("compile",), ("capture", function).
    args may hold ("*", value); keywords have the name None for `**value`.
    """

    callee: Any
    args: tuple[Any, ...]
    keywords: tuple[tuple[str | None, Value], ...]
    line: int
    column: int
    end_line: int
    end_column: int
    certain: bool  # whether it happens each time the function runs


class Place(NamedTuple):
    """A sighting as far as one file shows it: real when its needs hold."""

    reason: str
    headline: str  # "{}" stands for the code
    source: str
    span: tuple[int, int, int, int]
    needs: tuple[tuple[Value, str], ...]
    either: bool
    sure: str
    option: str = ""


@dataclass(slots=True)
class Function:
    """A function, a lambda, or the module's own body."""

    name: str
    line: int
    params: tuple[str, ...] = ()
    annotations: tuple[Value | None, ...] = ()
    defaults: tuple[Value | None, ...] = ()
    positional: int = 0  # the first so many parameters can be given by position
    star: int = -1  # which parameter is *args
    stars: int = -1  # which parameter is **kwargs
    decorators: tuple[Value, ...] = ()
    calls: tuple[Any, ...] = ()
    returns: Value = frozenset()
    places: tuple[Any, ...] = ()
    tensors: tuple[int, ...] = ()  # parameters that are used as only tensors are
    captured: tuple[str, ...] = ()  # names of the enclosing function that it reads: more parameters
    owner: int = -1  # number of its class
    flags: str = ""  # "g" a generator, "a" async, "s" static, "c" a class method, "p" a property
    stores: tuple[tuple[str, Value], ...] = ()  # what it assigns to attributes of self
    inner: tuple[int, ...] = ()
    yields: Value = frozenset()


@dataclass(slots=True)
class Class:
    """A class with what its body says of its instances."""

    name: str
    line: int
    bases: tuple[Value, ...] = ()
    methods: dict[str, int] | None = None
    fields: dict[str, Value] | None = None  # annotated or assigned in the body
    stored: dict[str, tuple[int, ...]] | None = None  # which methods assign which attribute of self


@dataclass(slots=True)
class Facts:
    """One file."""

    functions: tuple[Function, ...]
    classes: tuple[Class, ...]
    names: dict[str, Value]  # what the module's global names hold
    lines: int
    ignores: tuple[tuple[int, int, int, int, str], ...] = ()  # line, columns, last line it covers, reason ("" for all)
    stars: tuple[str, ...] = ()  # modules of `from x import *`
    options: tuple[str, ...] = ()  # of torch._dynamo.config, that it sets to True


_FUNCTION = attrgetter(*(f.name for f in fields(Function)))
_CLASS = attrgetter(*(f.name for f in fields(Class)))


def dump(facts: Facts) -> bytes:
    """The facts as bytes, with a checksum in front."""
    body = marshal.dumps(
        (
            list(map(_FUNCTION, facts.functions)),
            list(map(_CLASS, facts.classes)),
            facts.names,
            facts.lines,
            facts.ignores,
            facts.stars,
            facts.options,
        )
    )
    return hashlib.blake2b(body, digest_size=_SUM).digest() + body


def load(kept: bytes) -> Facts | None:
    """The facts that `dump` wrote; None when the bytes are damaged."""
    body = kept[_SUM:]
    if hashlib.blake2b(body, digest_size=_SUM).digest() != kept[:_SUM]:
        return None
    functions, classes, names, lines, ignores, stars, options = marshal.loads(body)
    return Facts(
        tuple(Function(*each) for each in functions),
        tuple(Class(*each) for each in classes),
        names,
        lines,
        ignores,
        stars,
        options,
    )
