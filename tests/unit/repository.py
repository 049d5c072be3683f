"""Small git repositories for tests: `import repository`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

MODEL = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor):
        y = self.layer(x)
        return y
"""
# What makes a break of the model above, and of its line.
BROKEN = MODEL.replace("        return y", "        print('mean', y.mean())\n        return y")


class Repository:
    """A repository in a folder, with git's own settings alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str, code: int = 0, environ: Mapping[str, str] | None = None) -> str:
        """Standard output and error of a git command that ends with `code`."""
        done = subprocess.run(
            ["git", *words],
            cwd=self.folder,
            env={**environment(), **(environ or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
        )
        text = done.stdout.decode(errors="replace")
        assert done.returncode == code, f"git {' '.join(words)}: {done.returncode}\n{text}"
        return text

    def write(self, **files: str) -> None:
        """Write files by name, "__" for "/" and without .py."""
        for name, text in files.items():
            self.put(name.replace("__", "/") + ".py", text)

    def put(self, path: str, text: str) -> None:
        """Write one file."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self, **files: str) -> str:
        """Write files, and commit everything without hooks; the commit's id."""
        self.write(**files)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "--no-verify", "-m", "a commit")
        return self.git("rev-parse", "HEAD").strip()


def environment(**more: str) -> dict[str, str]:
    """This process's, without what git or pre-commit told it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))}
    author = {f"GIT_{who}_{what}": "g2@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    return {**kept, **author, **settings, **more}
