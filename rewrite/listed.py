"""What the rules answer, read from their files without importing them: that takes libcst, and 0.4 s with it.

A rule's file is read from `RULE = Rule(` on, so its title, answers and safety are written there as they are.
"""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass
from pathlib import Path

from g2.explain.catalog import reasons
from g2.rewrite import rules as folder
from g2.rewrite.model import Safety

_ALL = "tuple(reasons())"


@dataclass(frozen=True, slots=True)
class Listed:
    """One rule. general: it answers every reason of a break."""

    slug: str
    title: str
    answers: tuple[str, ...]
    safety: Safety  # the most it may reach
    rank: int
    general: bool


@functools.cache
def listed() -> tuple[Listed, ...]:
    """Every rule, those asked first first, as the catalog has them."""
    files = [file for path in folder.__path__ for file in Path(path).glob("[!_]*.py")]
    found = [rule for file in files if (rule := _read(file)) is not None]
    return tuple(sorted(found, key=lambda rule: (rule.rank, rule.slug)))


def answering(reason: str) -> tuple[Listed, ...]:
    """The rules that answer a reason, those for every reason last."""
    found = [rule for rule in listed() if reason in rule.answers]
    return tuple(sorted(found, key=lambda rule: rule.general))


def _read(file: Path) -> Listed | None:
    """None for a file that is written in another way: the catalog, which imports it, says what is wrong with it."""
    try:
        text = file.read_text("utf-8")
        rule = ast.parse(text[text.index("\nRULE = ") :]).body[0]
        if isinstance(rule, ast.Assign) and isinstance(rule.value, ast.Call):
            return _listed(file, {word.arg: word.value for word in rule.value.keywords})
    except (OSError, ValueError, SyntaxError, KeyError, IndexError):
        pass
    return None


def _listed(file: Path, said: dict[str | None, ast.expr]) -> Listed:
    general = ast.unparse(said["answers"]) == _ALL
    return Listed(
        slug=file.stem.replace("_", "-"),
        title=ast.literal_eval(said["title"]),
        answers=tuple(reasons()) if general else ast.literal_eval(said["answers"]),
        safety=Safety[ast.unparse(said["safety"]).rpartition(".")[2]],
        rank=ast.literal_eval(said["rank"]) if "rank" in said else 50,
        general=general,
    )
