"""`g2 lsp`: the language server."""

from __future__ import annotations

import click


@click.command(short_help="Serve findings to an editor (language server).")
@click.option("--stdio", is_flag=True, help="Over the standard streams, as always; editors like to say it.")
def command(stdio: bool) -> int:
    """Serve findings to an editor, by the Language Server Protocol over the standard streams: places of the last record
    of the folder and of the static scan as diagnostics, their explanation on hover, proved rewrites as quick fixes.

    docs/editors.md has the settings for VS Code and Neovim.
    """
    from g2.cli.errors import Refusal

    try:
        from g2.cli.editor.server import make
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in ("pygls", "lsprotocol"):
            raise
        raise Refusal(
            f"the language server needs {name}, which is not installed", "pip install 'g2-torch[lsp]'"
        ) from None
    make().start_io()
    return 0
