"""`python -m g2.check.child.emit FOLDER --target sm_90 --to DIR [--name NAME]`

Writes DIR/NAME.py (by default the folder's name and the target's), and DIR/NAME.pt with the recorded inputs where they
are small. Its last line of standard error says why nothing was written, when it was not.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    """0 when the module was written."""
    parser = argparse.ArgumentParser(prog="g2.check.child.emit")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--target", required=True)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--name")
    asked = parser.parse_args(argv)
    os.environ.pop("TRITON_INTERPRET", None)
    with tempfile.TemporaryDirectory(prefix="g2-emit-") as scratch:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", scratch)
        return _emit(asked.folder, asked.target, asked.to, asked.name)


def _emit(folder: Path, target: str, to: Path, name: str | None) -> int:
    import torch

    from g2.check.child.emit import text
    from g2.check.child.interpret.private import Missing

    try:
        module, values = text.emitted(folder, target)
        to.mkdir(parents=True, exist_ok=True)
        stem = (name or f"{folder.name}-{target}").replace("-", "_")
        if values:
            made = to / f"{stem}.pt.tmp"
            torch.save(values, made)
            made.replace(to / f"{stem}.pt")
        made = to / f"{stem}.py.tmp"
        made.write_text(module, "utf-8")
        made.replace(to / f"{stem}.py")
    except (text.NotEmitted, Missing, OSError, ValueError, SyntaxError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
