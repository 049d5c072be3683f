"""What a check is asked to do: written beside the job by the parent, read in the script's process."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "check.json"
PARTS = ("correct", "speed", "kernels")
NO_GRAD_IN_GRAPHS = "no-grad-in-graphs"  # among what a proved rewrite says it does otherwise (rewrite/model.Proposal)


@dataclass(frozen=True, slots=True)
class Asked:
    """targets: "sm_90", "gfx942", "native". mode: of torch.compile. dtype: floating inputs and parameters are turned to
    it first; empty leaves them. variant: "compiled", or "fixed" where proved rewrites are served. seconds: for one part
    of one call. calls: of one root that are examined at most. differs: what proved rewrites say they may do otherwise.
    """

    targets: tuple[str, ...] = ("sm_90",)
    parts: tuple[str, ...] = PARTS
    mode: str = "default"
    dtype: str = ""
    variant: str = "compiled"
    seconds: float = 600.0
    calls: int = 3
    differs: tuple[str, ...] = ()
    inputs: str = ""  # "module:function" that gives other inputs

    @classmethod
    def read(cls, folder: Path) -> Asked:
        """What the parent asked. Raises OSError and ValueError when that cannot be read."""
        data: dict[str, Any] = json.loads((folder / NAME).read_text("utf-8"))
        found: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in data.items()}
        return cls(**found)

    def write(self, folder: Path) -> None:
        """Raises OSError when the folder cannot be written."""
        (folder / NAME).write_text(json.dumps(dataclasses.asdict(self)), "utf-8")
