"""The rules, found by looking in the folder: the file's name is the slug."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from dataclasses import replace

from g2.rewrite import rules as folder
from g2.rewrite.rule import Rule


@functools.cache
def rules() -> tuple[Rule, ...]:
    """Every rule, those asked first first. A file whose name begins with an underscore holds helpers."""
    found = []
    for module in pkgutil.iter_modules(folder.__path__):
        if not module.name.startswith("_"):
            rule: Rule = importlib.import_module(f"{folder.__name__}.{module.name}").RULE
            found.append(replace(rule, slug=module.name.replace("_", "-")))
    return tuple(sorted(found, key=lambda rule: (rule.rank, rule.slug)))


def rules_for(reason: str) -> tuple[Rule, ...]:
    """The rules that answer a reason."""
    return tuple(rule for rule in rules() if reason in rule.answers)
