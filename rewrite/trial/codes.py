"""Code objects of two versions of one file, paired by their qualified names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

_ONE_CALL = 0x20 | 0x80 | 0x100 | 0x200  # CO_GENERATOR, CO_COROUTINE, CO_ITERABLE_COROUTINE, CO_ASYNC_GENERATOR
_OPTIMIZED = 0x1  # CO_OPTIMIZED: a function's, not a module's or class's


@dataclass(frozen=True, slots=True)
class Pair:
    """One function in both versions.

    path: of the file, absolute, as the overlay names it. line: where it begins in the text before, decorators included.
    watched: `old` with its tests recording which way they went; `old` itself where there is none.
    """

    path: str
    name: str
    line: int
    old: CodeType
    new: CodeType
    watched: CodeType

    @property
    def last(self) -> int:
        """The last line of the function in the text before."""
        lines = (line for code in every_code(self.old) for _, _, line in code.co_lines())
        return max((line for line in lines if line is not None), default=self.line)

    @property
    def resumes(self) -> bool:
        """Whether a call runs nothing yet: generators and coroutines."""
        return bool((self.old.co_flags | self.new.co_flags) & _ONE_CALL)

    @property
    def hindrance(self) -> str:
        """Why a live function cannot be given the other code; empty when it can."""
        if not set(self.old.co_freevars) <= set(self.new.co_freevars):
            return "it used a variable of the function around it that the new code does not use"
        if _signature(self.old) != _signature(self.new):
            return "its parameters have changed"
        return ""


def pairs(path: str, old: CodeType, new: CodeType, watched: CodeType) -> list[Pair]:
    """Every function of both versions of a file, changed or not. `watched` has the shape of `old`."""
    olds, news, watching = _walk(old), _walk(new), _walk(watched)
    return [
        Pair(path, key[0].replace("<locals>.", ""), code.co_firstlineno, code, news[key], watching[key])
        for key, code in olds.items()
        if key in news
    ]


def same(one: CodeType, other: CodeType) -> bool:
    """Whether two code objects do the same; where their text stands does not count."""
    return _facts(one) == _facts(other) and _same_constants(one, other)


def _walk(module: CodeType) -> dict[tuple[str, int], CodeType]:
    """The functions in a module's code by qualified name, and number among those of the same name."""
    found: dict[tuple[str, int], CodeType] = {}
    counts: dict[str, int] = {}
    for code in _inner(module):
        number = counts[code.co_qualname] = counts.get(code.co_qualname, -1) + 1
        if code.co_flags & _OPTIMIZED:
            found[code.co_qualname, number] = code
    return found


def door(name: str, number: int, code: CodeType) -> CodeType:
    """Code that can stand in the place of `code` and calls the builtin `name` with the number and its arguments."""
    free = ", ".join(code.co_freevars)
    call = f"return {name}({number}, args, kwargs)"
    text = f"def door(*args, **kwargs):\n  {call}\n"
    if free:
        text = f"def around({free}):\n  def door(*args, **kwargs):\n    {call}\n    {free}\n"
    made = compile(text, code.co_filename, "exec", dont_inherit=True)
    while made.co_name != "door":
        made = next(one for one in made.co_consts if isinstance(one, CodeType))
    return made.replace(co_name=code.co_name, co_qualname=code.co_qualname, co_firstlineno=code.co_firstlineno)


def every_code(code: CodeType) -> Iterator[CodeType]:
    """A code object and all that it holds, outermost first."""
    yield code
    yield from _inner(code)


def _inner(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _inner(constant)


def _signature(code: CodeType) -> tuple[object, ...]:
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    return (
        code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & 12, code.co_varnames[:count],
    )  # fmt: skip


def _facts(code: CodeType) -> tuple[object, ...]:
    return (
        code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_flags,
        code.co_exceptiontable, *_signature(code),
    )  # fmt: skip


def _same_constants(one: CodeType, other: CodeType) -> bool:
    if len(one.co_consts) != len(other.co_consts):
        return False
    for left, right in zip(one.co_consts, other.co_consts, strict=True):
        if isinstance(left, CodeType) and isinstance(right, CodeType):
            if not same(left, right):
                return False
        elif type(left) is not type(right) or repr(left) != repr(right):  # 0.0 and -0.0, 1 and True
            return False
    return True
