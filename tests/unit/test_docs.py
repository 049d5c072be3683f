"""Every command line of g2 in the documents is one that g2 takes, and the workflows are what their services ask for."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from g2.cli.app import app, main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
_LINE = re.compile(r"^(?:\s*(?:- )?(?:run: )?|\$ |.*\$ )?(?:G2_\w+=\S+ )?(g2 [a-z].*)$")


def commands() -> Iterator[tuple[str, str]]:
    """The page and the text of each line in a code block that starts g2."""
    for page in PAGES:
        fence = ""
        for line in page.read_text("utf-8").splitlines():
            if line.lstrip().startswith("```"):
                fence = "" if fence else line.strip("` ") or "text"
            elif fence in ("console", "bash", "sh", "yaml") and (found := _LINE.match(line)):
                yield page.name, found[1]


COMMANDS = sorted(set(commands()))


def test_there_are_commands_to_look_at() -> None:
    assert {"README.md", "ci.md", "fixing.md"} <= {page for page, _ in COMMANDS}


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{page}: {line[:60]}" for page, line in COMMANDS])
def test_a_command_of_the_documents_is_taken(page: str, line: str) -> None:
    words = shlex.split(re.split(r"\s(?:\|\|?|>>?|&&|;)\s|  +", line)[0], comments=True)
    context = app.make_context("g2", [], resilient_parsing=True)  # with its settings: click remembers a help option
    command: click.Command = app
    rest = words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(context, rest[0])
        assert found is not None, f"there is no command {rest[0]}"
        command, rest = found, rest[1:]
    command.make_parser(context).parse_args(list(rest))


@pytest.mark.parametrize("name", ["", *app.list_commands(click.Context(app))])
def test_the_help_fits_eighty_columns(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([name, "--help"] if name else ["--help"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("name", app.list_commands(click.Context(app)))
def test_an_example_of_the_help_is_taken(name: str) -> None:
    command = app.get_command(click.Context(app), name)
    assert command is not None
    for line in (command.epilog or "").splitlines():
        if line.startswith("  g2 "):
            test_a_command_of_the_documents_is_taken("help", line.strip())
