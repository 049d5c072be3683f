"""The command line that makes the baseline know a run, and what to say of a run that it does not know."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from pathlib import Path
from typing import Any

import click

from g2.cli.errors import Refusal
from g2.cli.text import inline, listing


def words_of(given: dict[str, Any]) -> tuple[str, ...]:
    """The options of a gate that change what is run or known, as they are typed."""
    words: list[str] = []
    if given["baseline"] is not None:
        words += ["--baseline", given["baseline"]]
    if given["tolerance"] is not None:
        words += ["--tolerance", f"{given['tolerance'] * 100:g}%"]
    words += [option for option, name in (("--once", "once"), ("--then-stop", "then_stop")) if given[name]]
    for what in given["compile_"]:
        words += ["--compile", what]
    if given["calls"] is not None:
        words += ["--calls", str(given["calls"])]
    if given["time_limit"] is not None:
        words += ["--time-limit", f"{given['time_limit']:g}"]
    return tuple(words)


def accepting(target: Collection[str], options: Collection[str]) -> str:
    """The command that makes the baseline know what a target does; without one, of all entries."""
    return shlex.join(["g2", "gate", "--write", *options, *target])


def unknown(
    target: tuple[str, ...], asked: bool, runs: Collection[str], path: Path, options: tuple[str, ...]
) -> Refusal:
    """What is said of a run that the baseline at `path` does not know. asked: whether the person named the target;
    options: those of `words_of`.
    """
    name = shlex.join(target)
    what = f"{path.name} knows no run of {inline(name)}" if path.exists() else f"there is no baseline {path}"
    if not asked:
        return Refusal(what, accepting((), options))
    moved, rest = _sorted_out(target)
    if not moved:
        return Refusal(what, accepting(target, options))
    names = listing([inline(word.partition("=")[0]) for word in moved if word.startswith("--")])
    write = [] if "--write" in moved or shlex.join(rest) in runs else ["--write"]
    return Refusal(
        f"{what}; options of g2 stand before the script, and {names} stood after it",
        shlex.join(["g2", "gate", *write, *options, *moved, *rest]),
    )


def _sorted_out(target: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The words of a target that are options of `g2 gate`, and the others."""
    from g2.cli.commands.gate import command

    known = {name: p for p in command.params if isinstance(p, click.Option) for name in p.opts if name.startswith("--")}
    head = 2 if target[0] == "-m" else 1
    moved, rest = list[str](), list(target[:head])
    words = iter(target[head:])
    for word in words:
        option = known.get(word.partition("=")[0])
        if option is None:
            rest.append(word)
            continue
        moved.append(word)
        if not option.is_flag and "=" not in word:
            moved += [value for value in [next(words, None)] if value is not None]
    return moved, rest
