"""Child side: one file per thing listened to in torch.

Every file here with a function `install(journal, stats, lose)` is a probe; it is called once, after torch._dynamo was
imported. A hook that this torch version does not have is reported through `lose`, in a
sentence that names it.
"""

from __future__ import annotations

import importlib
import pkgutil

from g2.capture.journal import Journal
from g2.capture.probe.stats import Stats


def install(journal: Journal, stats: Stats) -> None:
    """Install every probe of this folder. One that fails is named in the record; the others go on."""
    told: set[str] = set()

    def lose(what: str) -> None:
        if what not in told:
            told.add(what)
            journal.write({"e": "lost", "what": what})

    for found in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        module = importlib.import_module(f"{__name__}.{found.name}")
        hook = getattr(module, "install", None)
        if hook is None:
            continue
        try:
            hook(journal, stats, lose)
        except (AttributeError, ImportError, TypeError) as error:
            lose(f"the probe '{found.name}' does not fit this torch version: {error}")
