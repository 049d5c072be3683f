"""What a shell may complete: names of files, reasons, formats, records. Loaded only when a shell asks.

click completes commands and options; what a value can be is said here for all commands in one place, by the names of
their parameters, so that no command loads anything for it when it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem

VARIABLE = "_G2_COMPLETE"
_FILES = ("target", "paths", "output", "baseline", "script")


def prepare(command: click.Command, name: str) -> click.Command:
    """The command, whose parameters complete their values."""
    for param in command.params:
        if isinstance(param.type, click.Choice | click.Path | click.File):
            continue  # click knows
        if (values := _values(name, param.name or "")) is not None:
            param.shell_complete = values  # type: ignore[assignment, method-assign]
    return command


def _values(command: str, param: str) -> Callable[[click.Context, str], list[CompletionItem]] | None:
    if param in _FILES:
        return lambda _ctx, typed: [CompletionItem(typed, type="file")]
    if param == "format_":
        return _beginning(_forms if command == "scan" else _views)
    if param in ("only", "word"):
        return _beginning(_reasons)
    if param == "record":
        return _records
    return None


def _beginning(words: Callable[[], Iterable[str]]) -> Callable[[click.Context, str], list[CompletionItem]]:
    return lambda _ctx, typed: [CompletionItem(word) for word in words() if word.startswith(typed)]


def _views() -> list[str]:
    from g2.cli.views import formats

    return formats()


def _forms() -> list[str]:
    from g2.cli.scanning.forms import forms

    return list(forms())


def _reasons() -> list[str]:
    from g2.cli.scanning.project import slugs

    return slugs()


def _records(_ctx: click.Context, typed: str) -> list[CompletionItem]:
    import shlex

    from g2.cli.errors import Refusal
    from g2.cli.store import Store
    from g2.cli.text import inline

    try:
        kept = [run for run in Store.open().kept() if run.complete and run.name.startswith(typed)]
    except Refusal:
        kept = []
    found: list[Any] = [CompletionItem(run.name, help=inline(shlex.join(run.argv))) for run in kept]
    return found or [CompletionItem(typed, type="file")]
