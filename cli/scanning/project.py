"""What a project says of itself: the table [tool.g2] of its pyproject.toml."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from g2.cli.errors import Refusal
from g2.explain.scan.model import Settings, Sureness

_KEYS = ("baseline", "calls", "entry", "fail-on", "ignore", "per-path-ignores", "time-limit")


@dataclass(frozen=True, slots=True)
class Project:
    """The settings of a repository. Those of `g2 gate` are options of `g2 explain` for each entry."""

    entry: tuple[tuple[str, ...], ...] = ()  # command lines without python: ("train.py", "--steps", "1")
    ignore: frozenset[str] = frozenset()
    per_path: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    fail_on: Sureness = Sureness.SURE
    baseline: str | None = None  # path from the top
    calls: int | None = None
    time_limit: float | None = None  # seconds an entry

    def settings(self) -> Settings:
        """What of it the scan takes."""
        return Settings(self.ignore, self.per_path)

    @classmethod
    def read(cls, content: bytes | None, name: str = "pyproject.toml") -> Project:
        """The project that the content of a pyproject.toml describes; without one, the usual settings.

        Raises Refusal when it cannot be understood.
        """
        if not content or b"tool.g2" not in content:
            return cls()
        import tomllib

        try:
            table = tomllib.loads(content.decode()).get("tool", {}).get("g2", {})
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Refusal(f"{name} is not valid TOML: {error}") from None
        if not isinstance(table, dict):
            raise _wrong(name, "tool.g2", "a table")
        for key in table:
            if key not in _KEYS:
                near = get_close_matches(key, _KEYS, n=1)
                raise Refusal(
                    f"{name}: [tool.g2] has no setting {key!r}; there are {', '.join(_KEYS)}", near[0] if near else None
                )
        return cls(
            entry=tuple(_command(name, line) for line in _strings(name, "entry", table.get("entry", []))),
            ignore=_reasons(name, "ignore", table.get("ignore", [])),
            per_path=_per_path(name, table.get("per-path-ignores", {})),
            fail_on=_fail_on(name, table.get("fail-on", "sure")),
            baseline=_text(name, "baseline", table.get("baseline")),
            calls=_number(name, "calls", table.get("calls"), int),
            time_limit=_number(name, "time-limit", table.get("time-limit"), float),
        )


def slugs() -> list[str]:
    """Every reason of a break or a recompile, by the files alone: loading them takes a while."""
    import g2.explain.reasons
    import g2.explain.recompiles

    folders = [*g2.explain.reasons.__path__, *g2.explain.recompiles.__path__]
    return sorted({file.stem.replace("_", "-") for folder in folders for file in Path(folder).glob("[!_]*.py")})


def _reasons(name: str, key: str, value: Any, *, all_of_them: bool = False) -> frozenset[str]:
    found = frozenset(_strings(name, key, value))
    for word in found - set(slugs()) - ({"*"} if all_of_them else set()):
        near = get_close_matches(word, slugs(), n=1)
        raise Refusal(f"{name}: {key} names {word!r}, which is no reason", near[0] if near else "g2 why lists them")
    return found


def _per_path(name: str, value: Any) -> dict[str, frozenset[str]]:
    if not isinstance(value, dict):
        raise _wrong(name, "per-path-ignores", 'a table of lists: "tests/" = ["*"]')
    return {
        pattern: _reasons(name, f"per-path-ignores.{pattern!r}", reasons, all_of_them=True)
        for pattern, reasons in value.items()
    }


def _strings(name: str, key: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise _wrong(name, key, "a list of strings")
    return value


def _text(name: str, key: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise _wrong(name, key, "a string")
    return value


def _number(name: str, key: str, value: Any, kind: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0 or kind(value) != value:
        raise _wrong(name, key, f"a {'whole ' if kind is int else ''}number above 0")
    return kind(value)


def _fail_on(name: str, value: Any) -> Sureness:
    if value not in (Sureness.SURE, Sureness.LIKELY):
        raise _wrong(name, "fail-on", '"sure" or "likely"')
    return Sureness(value)


def _command(name: str, line: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(line))
    except ValueError as error:
        raise Refusal(f"{name}: entry {line!r}: {error}") from None
    if words and words[0] in ("python", "python3"):
        raise Refusal(f"{name}: entry {line!r}: leave {words[0]} out; g2 runs the script with its own Python")
    if not words:
        raise Refusal(f"{name}: an entry is empty", 'entry = ["train.py --steps 1"]')
    return words


def _wrong(name: str, key: str, wanted: str) -> Refusal:
    return Refusal(f"{name}: {key} of [tool.g2] has to be {wanted}")
