"""The rules, found by looking in the folder: the file's name is the slug."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from dataclasses import replace
from pathlib import Path

from g2.rewrite import rules as folder
from g2.rewrite.rule import Rule


class BrokenRule(Exception):
    """A file of rewrite/rules/ is no rule; str() names it and says why."""


@functools.cache
def rules() -> tuple[Rule, ...]:
    """Every rule, those asked first first. A file whose name begins with an underscore holds helpers.

    Raises BrokenRule.
    """
    found = [
        replace(_load(module.name), slug=module.name.replace("_", "-"))
        for module in pkgutil.iter_modules(folder.__path__)
        if not module.name.startswith("_")
    ]
    return tuple(sorted(found, key=lambda rule: (rule.rank, rule.slug)))


def rules_for(reason: str) -> tuple[Rule, ...]:
    """The rules that answer a reason."""
    return tuple(rule for rule in rules() if reason in rule.answers)


def _load(name: str) -> Rule:
    file = Path(next(iter(folder.__path__))) / f"{name}.py"
    try:
        rule = getattr(importlib.import_module(f"{folder.__name__}.{name}"), "RULE", None)
    except Exception as error:
        raise BrokenRule(f"{file} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(rule, Rule):
        raise BrokenRule(f"{file} holds no RULE = Rule(...)")
    return rule
