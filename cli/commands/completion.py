"""`g2 completion`: what makes a shell complete g2's commands, options and values."""

from __future__ import annotations

import click

EPILOG = """\b
To have it in every new shell:
  bash   g2 completion bash > ~/.local/share/bash-completion/completions/g2
  zsh    g2 completion zsh > ~/.zfunc/_g2
         (fpath+=~/.zfunc stands before compinit in ~/.zshrc)
  fish   g2 completion fish > ~/.config/fish/completions/g2.fish
"""


@click.command(short_help="Print what makes a shell complete g2's words.", epilog=EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the script by which SHELL completes g2's commands and options, and names of files, reasons, formats and
    records.
    """
    from click.shell_completion import get_completion_class

    from g2.cli.app import app
    from g2.cli.completion import VARIABLE

    kind = get_completion_class(shell)
    assert kind is not None  # click has these three
    complete = kind(app, {}, "g2", VARIABLE)
    # Its source() starts the shell, to see whether it is new enough: it may be another machine's.
    click.echo(complete.source_template % complete.source_vars())
    return 0
