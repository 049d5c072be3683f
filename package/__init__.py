"""g2 shows what keeps torch.compile from capturing a PyTorch script in whole graphs, and what to do about it.

The rooms are packages of their own: g2.cli, g2.capture, g2.explain, g2.rewrite, g2.check. Importing this loads
nothing at all: where a script is recorded it comes first, and a typing.py of the script's must be what it imports.
"""


def load_ipython_extension(shell: object) -> None:
    """`%load_ext g2` in IPython or Jupyter: gives the cell magic %%g2."""
    from g2.cli.notebook.magic import register

    register(shell)
