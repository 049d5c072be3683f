"""`%%g2`: a cell run under Dynamo and explained in place."""

from __future__ import annotations

from typing import Any

from g2.cli.notebook.shown import Shown


def register(shell: Any) -> None:
    """Give an IPython shell the cell magic."""

    def g2(line: str, cell: str) -> Shown | None:
        """%%g2 [--once] [--verbose]

        Run the cell and show every graph break and recompile of what it calls: what it compiles, and what was compiled
        before and is called in it; when that is nothing, each outermost call of an nn.Module. Variables stay, as those
        of any cell. --once: do not look for breaks that hide behind others. --verbose: Dynamo's own words, too.
        """
        return _explained(shell, line, cell)

    shell.register_magic_function(g2, magic_kind="cell", magic_name="g2")


def _explained(shell: Any, line: str, cell: str) -> Shown | None:
    from g2.capture.inside import refusal
    from g2.cli.errors import Refusal, print_refusal
    from g2.cli.testing.seen import seeing

    words = set(line.split())
    if unknown := words - {"--once", "--verbose", "-v"}:
        print_refusal(Refusal(f"%%g2 has no option {min(unknown)}", "%%g2 --once, %%g2 --verbose"))
        return None
    if shell.should_run_async(cell, transformed_cell=shell.transform_cell(cell)):
        why = "the cell was not run: it has await at its top, and would run beside others"
        print_refusal(Refusal(why, "asyncio.run"))
        return None
    if why := refusal():
        print_refusal(Refusal(f"the cell was not run: {why}"))
        return None
    own = f"In[{shell.execution_count}]"  # what IPython will call the lines below the magic, whatever the prompt says
    with seeing("a cell", modules=True, hidden="--once" not in words) as (seen, _):
        done = shell.run_cell(cell)
    # An error was shown by run_cell already. What was seen until then is worth having.
    if done.success or not seen.report.clean:
        return Shown(seen.report, verbose=bool(words & {"--verbose", "-v"}), name=lambda path: _name(shell, path, own))
    return None


def _name(shell: Any, path: str, own: str) -> str:
    """A cell's file as a person knows the cell: "In[3]", and "this cell" for that of the magic."""
    named = shell.compile.format_code_name(path)
    if named is None:
        return path
    return "this cell" if named[1] == own else str(named[1])
