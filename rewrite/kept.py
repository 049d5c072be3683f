"""What a fix found out, as JSON text: so that what was shown can be applied without running anything again."""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from g2.rewrite.fix import Result
from g2.rewrite.model import Fixing
from g2.rewrite.source import Source
from g2.rewrite.state import Placed, State

FORMAT = 1


class KeptError(Exception):
    """The text cannot be used: damaged, or of another g2."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A result, and the files that its runs of the script were made with: SHA-256 by absolute path."""

    result: Result
    seen: dict[str, str]
    adopt: bool = False  # whether it was asked what the script could compile


def dump(result: Result, g2: str, seen: Mapping[str, str], adopt: bool = False) -> str:
    """A result as JSON text. g2: the version that found it out. seen, adopt: as Kept has them."""
    return json.dumps(
        {
            "format": FORMAT,
            "g2": g2,
            "seen": dict(seen),
            "adopt": adopt,
            "fixing": _plain(result.fixing),
            "placed": _plain(result.state.placed),
            "keys": {str(number): list(keys) for number, keys in result.keys.items()},
        }
    )


def load(text: str, g2: str, sources: Mapping[str, Source] = types.MappingProxyType({})) -> Kept:
    """What a text holds. sources: files that are not read from the disk. Raises KeptError."""
    try:
        data = json.loads(text)
        if (data["format"], data["g2"]) != (FORMAT, g2):
            raise KeptError("it was kept by another g2")
        result = Result(
            _build(Fixing, data["fixing"]),
            State(dict(sources), _build(tuple[Placed, ...], data["placed"])),
            {int(number): tuple(map(str, keys)) for number, keys in data["keys"].items()},
        )
        return Kept(result, {str(path): str(sha256) for path, sha256 in data["seen"].items()}, bool(data["adopt"]))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise KeptError(f"it is damaged: {error}") from None


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, frozenset):
        return [_plain(item) for item in sorted(value, key=repr)]
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, Enum) else value


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _build(hint: Any, data: Any) -> Any:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return None if data is None else _build(next(one for one in inner if one is not type(None)), data)
    if origin is frozenset:
        return frozenset(_build(inner[0], item) for item in data)
    if origin is tuple:
        many = inner[:1] * len(data) if inner[-1] is Ellipsis else inner
        return tuple(_build(one, item) for one, item in zip(many, data, strict=True))
    if dataclasses.is_dataclass(hint):
        hints = _hints(typing.cast(type, hint))
        return typing.cast(Any, hint)(**{name: _build(hints[name], value) for name, value in data.items()})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(data)
    if hint is float and type(data) is int:
        return float(data)
    if isinstance(hint, type) and not isinstance(data, hint):
        raise TypeError(f"{hint.__name__} was expected, not {type(data).__name__}")
    return data
