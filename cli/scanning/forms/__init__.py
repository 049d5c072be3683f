"""The forms a scan can take, one file each with `render(result, output) -> str`. The file's name is the form's."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Protocol, cast

from g2.cli.scanning.result import Result
from g2.cli.views import Output


class Form(Protocol):
    """What a module of this folder offers."""

    def render(self, result: Result, output: Output) -> str:
        """The whole text, ending with a newline (or empty)."""
        ...


def forms() -> list[str]:
    """The names of all forms."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def form(name: str) -> Form:
    """The form called `name`, one of `forms()`."""
    return cast(Form, importlib.import_module(f"g2.cli.scanning.forms.{name}"))
