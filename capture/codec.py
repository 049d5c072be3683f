"""Session <-> JSON text, with a format number, so that a record can be drawn again by a later g2."""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from enum import Enum
from typing import Any, TypeVar

from g2.capture.model import Session

FORMAT = 1
T = TypeVar("T")


class RecordError(Exception):
    """A record that cannot be read: damaged, or written by a newer g2 (then `newer` is its format)."""

    def __init__(self, message: str, newer: int | None = None) -> None:
        super().__init__(message)
        self.newer = newer


def dump(session: Session) -> str:
    """The session as JSON text. Fields that hold their default are left out."""
    return json.dumps({"format": FORMAT, **plain(session)}, ensure_ascii=False, separators=(",", ":"))


def load(text: str) -> Session:
    """The session in `text`. Raises RecordError when it is damaged or of a newer format."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise RecordError(f"the record is damaged: {error}") from None
    if not isinstance(data, dict) or not isinstance(data.get("format"), int):
        raise RecordError("the record is damaged: it has no format number")
    if data["format"] > FORMAT:
        raise RecordError(
            f"the record has format {data['format']}; this g2 reads up to format {FORMAT}",
            newer=data["format"],
        )
    try:
        session: Session = build(Session, data)
        return session
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise RecordError(f"the record is damaged: {error}") from None


def plain(value: Any) -> Any:
    """Frozen dataclasses as what JSON holds; fields that hold their default are left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: plain(v)
            for f in dataclasses.fields(value)
            if (v := getattr(value, f.name)) != _default(f)
        }
    if isinstance(value, tuple):
        return [plain(v) for v in value]
    return value.value if isinstance(value, Enum) else value


def _default(f: dataclasses.Field[Any]) -> Any:
    if f.default_factory is not dataclasses.MISSING:
        return f.default_factory()
    return f.default


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def build(hint: Any, data: Any) -> Any:
    """The reverse, by type hints.

    Raises TypeError, ValueError, KeyError or AttributeError where the data does not fit.
    """
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        if data is None:
            return None
        return build(next(a for a in typing.get_args(hint) if a is not type(None)), data)
    if origin is tuple:
        if not isinstance(data, list):
            raise TypeError(f"a list was expected, not {type(data).__name__}")
        inner = typing.get_args(hint)
        each = inner[:1] * len(data) if inner[-1] is ... else inner
        return tuple(build(one, item) for one, item in zip(each, data, strict=True))
    if dataclasses.is_dataclass(hint):
        if not isinstance(data, dict):
            raise TypeError(f"an object was expected, not {type(data).__name__}")
        hints = _hints(typing.cast(type, hint))
        return typing.cast(Any, hint)(
            **{name: build(hints[name], value) for name, value in data.items() if name in hints}
        )
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(data)
    if hint is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if isinstance(hint, type) and not isinstance(data, hint):
        raise TypeError(f"{hint.__name__} was expected, not {type(data).__name__}")
    return data
