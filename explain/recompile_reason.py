"""What one file of explain/recompiles/ holds: a kind of change that makes Dynamo compile a function again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from g2.capture.model import Guard, Recompile, Session
from g2.explain.prose import prose, script
from g2.explain.reason import Example
from g2.explain.scan.detector import Detector

Advise = Callable[[Guard, Recompile, Session], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class RecompileReason:
    """One kind of change, explained. Texts as in reasons: plain sentences in paragraphs; indented lines are code."""

    title: str
    happened: str
    why: str
    instead: str
    cost: str
    claims: Callable[[Guard], bool]  # whether a guard that changed is of this kind
    advise: Advise  # steps for one guard, from the values seen
    rank: int = 50  # the lowest is asked first, and comes first when several guards changed
    whole: bool = False  # what else changed came with it, and needs no steps of its own
    outside: str = ""  # what to do when the function belongs to an installed library
    example: Example | None = None  # `bad` recompiles with exactly this reason, `good` does not recompile
    seen: tuple[Detector, ...] = ()  # how the static scan finds it in source
    slug: str = ""  # filled in from the file's name


@cache
def recompile_reasons() -> Mapping[str, RecompileReason]:
    """Every reason of explain/recompiles/ by its slug, in the order in which they are asked.

    Raises TypeError when a file holds no `REASON`.
    """
    import g2.explain.recompiles as folder

    found: list[RecompileReason] = []
    for module in iter_modules(folder.__path__):
        if module.name.startswith("_"):
            continue
        reason = getattr(import_module(f"{folder.__name__}.{module.name}"), "REASON", None)
        if not isinstance(reason, RecompileReason):
            raise TypeError(f"explain/recompiles/{module.name}.py holds no REASON")
        found.append(_clean(reason, module.name.replace("_", "-")))
    return MappingProxyType({r.slug: r for r in sorted(found, key=lambda r: (r.rank, r.slug))})


def _clean(reason: RecompileReason, slug: str) -> RecompileReason:
    example = reason.example
    return replace(
        reason,
        slug=slug,
        happened=prose(reason.happened),
        why=prose(reason.why),
        instead=prose(reason.instead),
        cost=prose(reason.cost),
        outside=prose(reason.outside),
        example=Example(script(example.bad), script(example.good)) if example else None,
    )
