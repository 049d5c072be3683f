"""Small projects for tests of the static scan."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping

from g2.explain.scan.model import Kept, Scan, Settings, Sighting, SourceFile
from g2.explain.scan.scan import digest, scan

HEAD = """
import torch
import torch.nn.functional as F
from torch import nn
"""


def files(texts: Mapping[str, str | bytes]) -> list[SourceFile]:
    """Source files of these texts, by their paths."""
    found: list[SourceFile] = []
    for path, text in texts.items():
        data = text if isinstance(text, bytes) else textwrap.dedent(text).encode()

        def read(data: bytes = data) -> bytes:
            return data

        found.append(SourceFile(path, digest(data), read))
    return found


def project(
    texts: Mapping[str, str | bytes], settings: Settings | None = None, kept: Kept | None = None, jobs: int = 1
) -> Scan:
    """The scan of a project."""
    return scan(files(texts), settings or Settings(), kept, jobs)


def told(found: Iterable[Sighting]) -> list[str]:
    """Sightings as short lines: "tensor-branch sure x.sum() > 0"."""
    return [f"{each.reason} {each.sureness} {each.code}" for each in found]


def forward(body: str, signature: str = "self, x", init: str = "pass") -> list[str]:
    """What is told of a module's forward with this body."""
    body = textwrap.indent(textwrap.dedent(body).strip("\n"), " " * 8)
    init = textwrap.indent(textwrap.dedent(init).strip("\n"), " " * 8)
    text = (
        f"{HEAD}\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n{init}\n"
        f"    def forward({signature}):\n{body}\n"
    )
    return told(project({"net.py": text}).sightings)


class Memory(dict[str, bytes]):
    """A Kept in memory, which counts what it is asked."""

    hits = 0

    def get(self, keys: Iterable[str]) -> Mapping[str, bytes]:  # type: ignore[override]
        found = {key: self[key] for key in keys if key in self}
        self.hits += len(found)
        return found

    def put(self, facts: Mapping[str, bytes]) -> None:
        self.update(facts)
