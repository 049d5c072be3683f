"""What every command that runs a script takes, and what was asked with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from g2.cli.errors import Refusal

F = TypeVar("F", bound=Callable[..., Any])
_NAMES = ("once", "backend", "calls", "then_stop", "time_limit")  # of launch.Options, as they are given


def run_options(function: F) -> F:
    """-m, --compile, --calls, --then-stop and --time-limit."""
    options = [
        click.option("-m", "module", is_flag=True, help="Run a module, as python -m does."),
        click.option(
            "--compile",
            "compile_",
            multiple=True,
            metavar="WHAT",
            help="What to compile, when not each outermost nn.Module: module:function, Class.method, or none. "
            "Repeatable.",
        ),
        click.option(
            "--calls", type=click.IntRange(min=1), metavar="N", help="Stop observing after N calls of each root."
        ),
        click.option("--then-stop", is_flag=True, help="With --calls: end the script there, too."),
        click.option(
            "--time-limit",
            type=click.FloatRange(min=0, min_open=True),
            metavar="SECONDS",
            help="End each run of the script after so long.",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def asked_run(given: dict[str, Any], command: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The words that start the script, none where it was not named, and those options of launch.Options that were
    given. command: "g2 explain". Raises Refusal where they do not go together or the script is not there.
    """
    target = tuple(given["target"])
    if given["module"]:
        if not target:
            raise Refusal("no module was named", f"{command} --help")
        target = ("-m", *target)
    elif target:
        _check_script(target[0], command)
    if given["then_stop"] and given["calls"] is None:
        raise Refusal("--then-stop needs --calls", f"{command} --calls 20 --then-stop SCRIPT")
    options = {name: given[name] for name in _NAMES if given.get(name)}
    if given["compile_"]:
        options["compile"] = given["compile_"]
    return target, options


def _check_script(name: str, command: str) -> None:
    """Name the nearest file when a script is missing."""
    from difflib import get_close_matches

    path = Path(name)
    if path.exists() or name == "-":  # of stdin the launcher has more to say
        return
    if name.startswith("-"):
        raise Refusal(f"there is no option {name}", f"{command} --help")
    folder = path.parent
    known = sorted(p.name for p in folder.glob("*.py")) if folder.is_dir() else []
    dotted = "." in path.name and path.suffix != ".py"
    wanted = path.name if path.suffix == ".py" or dotted else f"{path.name}.py"
    near = get_close_matches(wanted, known, n=1, cutoff=0.75 if dotted else 0.6)
    hint = f"give the path of a Python script: {command} SCRIPT"
    if near:
        hint = f"{command} {folder / near[0]}"
    elif dotted and path.parent == Path():
        hint = f"{command} -m {path.name}"
    raise Refusal(f"there is no file {name}", hint)
