"""The command `g2`: finds its subcommands by looking into cli/commands/, and turns every outcome
into an exit code.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence

import click

import g2.cli.commands
from g2.cli.errors import INTERRUPTED, REFUSED, Refusal, print_crash, print_refusal, say

EXAMPLES = """\b
Examples:
  g2 explain train.py --epochs 1    every graph break and recompile of a run
  g2 explain -m package.train       the same for a module
  g2 show --as markdown             the last report again, in another form
  g2 why tensor-branch              one situation explained
  g2 fix                            rewrites that were tried and compared
"""


class Commands(click.Group):
    """Loads a command's file only when that command, or the list of all, is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(
            module.name.replace("_", "-")
            for module in pkgutil.iter_modules(g2.cli.commands.__path__)
            if not module.name.startswith("_")
        )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"g2.cli.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        if "_G2_COMPLETE" in os.environ:  # a shell asks what words may follow
            from g2.cli.completion import prepare

            prepare(command, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-") and not ctx.resilient_parsing:
            raise Refusal(f"there is no command {name!r}", self._meant(ctx, args))
        return super().resolve_command(ctx, args)

    def _meant(self, ctx: click.Context, args: list[str]) -> str:
        import difflib
        import shlex

        if args[0].endswith(".py"):
            return f"g2 explain {shlex.join(args)}"
        near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
        return f"g2 {near[0]}" if near else "g2 --help"


def _version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"g2 {version()}")
        ctx.exit()


def version() -> str:
    """The installed version of g2."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("g2-torch")
    except PackageNotFoundError:
        return "(not installed)"


@click.group(
    cls=Commands,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
def app() -> None:
    """Show what keeps torch.compile from capturing a PyTorch script in whole graphs, and what to
    do about it.
    """


def main(argv: Sequence[str] | None = None) -> int:
    """Run g2 with `argv` (default: the process's) and return its exit code. Never raises an
    Exception.
    """
    try:
        code = _run(list(sys.argv[1:] if argv is None else argv))
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        _drop_stdout()
        return 128 + 13  # SIGPIPE
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            say(f"g2: the output cannot be written: {error.strerror}")
            _drop_stdout()
        else:
            print_crash(error)
    except KeyboardInterrupt:
        say("g2: interrupted")
        return INTERRUPTED
    except Exception as error:
        print_crash(error)
    return REFUSED


def _run(argv: list[str]) -> int:
    try:
        code = app.main(argv or ["--help"], prog_name="g2", standalone_mode=False)
        if not argv:
            return REFUSED
    except Refusal as error:
        print_refusal(error)
        return error.code
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.UsageError as error:
        print_refusal(_refusal(error))
        return REFUSED
    except click.ClickException as error:
        print_refusal(Refusal(error.format_message()))
        return REFUSED
    return code if isinstance(code, int) else 0


def _refusal(error: click.UsageError) -> Refusal:
    """A usage error of click's in g2's shape."""
    message = error.format_message().rstrip(".")
    message = message[:1].lower() + message[1:]
    possible = getattr(error, "possibilities", None)
    if isinstance(error, click.NoSuchOption):
        import difflib

        name = getattr(error, "option_name", "")
        # click lists possible names by the alphabet; these are best first.
        near = (difflib.get_close_matches(name, possible, n=1) or sorted(possible))[0] if possible else None
        if error.ctx is not None and near:
            return Refusal(f"there is no option {name}", f"{error.ctx.command_path} {near}")
        message = f"there is no option {name}"
    path = error.ctx.command_path if error.ctx is not None else "g2"
    return Refusal(message, f"{path} --help")


def _drop_stdout() -> None:
    """Nobody takes what is still to be written (`g2 ... | head`): spare a complaint at exit."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)
