"""Dynamo's own list of graph breaks, in every version of torch that g2 knows: id, name, versions.

The data file is merged from `torch/_dynamo/graph_break_registry.json` of each version:

    python -m g2.explain.registry VERSION [REGISTRY.json]

Without a path it takes the installed torch's, which it finds without importing torch.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

_DATA = "data/registry.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """An id of Dynamo's. `names` are oldest first: Dynamo rewords some; `versions` are torch's, "2.13"."""

    id: str
    names: tuple[str, ...]
    versions: tuple[str, ...]

    @property
    def name(self) -> str:
        """The newest name."""
        return self.names[-1]


def _load() -> dict[str, dict[str, str]]:
    loaded: dict[str, dict[str, str]] = json.loads(files("g2.explain").joinpath(_DATA).read_text(encoding="utf-8"))
    return loaded


@cache
def entries() -> Mapping[str, Entry]:
    """Every id, in the order of the ids."""
    return MappingProxyType(
        {
            key: Entry(key, tuple(names), _sorted({v for text in names.values() for v in text.split()}))
            for key, names in sorted(_load().items())
        }
    )


def versions() -> tuple[str, ...]:
    """The versions of torch whose registries are in the data, oldest first."""
    return _sorted({version for entry in entries().values() for version in entry.versions})


def _sorted(found: set[str]) -> tuple[str, ...]:
    return tuple(sorted(found, key=lambda version: [int(part) for part in version.split(".")]))


def merged(
    known: Mapping[str, Mapping[str, str]],
    version: str,
    registry: Mapping[str, list[dict[str, object]]],
) -> dict[str, dict[str, str]]:
    """`known` with one version's registry put in, in place of what it had of that version.

    Each id maps its names, oldest first, to the versions that use the name, separated by spaces. The newest of
    an id's entries in torch's file stands first.
    """
    sets = {key: {name: set(text.split()) - {version} for name, text in names.items()} for key, names in known.items()}
    for key, reasons in registry.items():
        sets.setdefault(key, {}).setdefault(str(reasons[0]["Gb_type"]), set()).add(version)
    out: dict[str, dict[str, str]] = {}
    for key, names in sorted(sets.items()):
        kept = sorted((_sorted(found), name) for name, found in names.items() if found)
        if kept:
            out[key] = {name: " ".join(found) for found, name in kept}
    return out


def _installed() -> Path:
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        raise SystemExit("torch is not installed here: name a graph_break_registry.json")
    return Path(spec.origin).parent / "_dynamo" / "graph_break_registry.json"


def main(arguments: list[str]) -> None:
    """Merge one version's registry into the data file."""
    if not arguments:
        raise SystemExit(__doc__)
    path = Path(arguments[1]) if len(arguments) > 1 else _installed()
    target = Path(__file__).parent / _DATA
    known = json.loads(target.read_text(encoding="utf-8")) if target.exists() else {}
    found = merged(known, arguments[0], json.loads(path.read_text(encoding="utf-8")))
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(names, ensure_ascii=False)}" for key, names in found.items())
    target.write_text("{\n" + lines + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
