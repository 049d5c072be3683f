"""One line for one place, and the steps to take there."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePath

from g2.capture.model import Break, Effect, Span
from g2.explain.catalog import evidence
from g2.explain.reading import flat, header
from g2.explain.reason import Reason

WIDTH = 99

_OTHERS = re.compile(
    r"<frozen |[/\\](?:site|dist)-packages[/\\]torch[/\\]|[/\\](?:python3\.\d+|Lib)[/\\](?!site-packages)"
)


def headline(place: Break, reason: Reason) -> str:
    """One line under 100 characters that says what happened at this place."""
    seen = evidence(place)
    inner = _inside(seen.path)
    seen = replace(seen, source="" if inner else header(seen.source))
    line = reason.headline(seen) if reason.headline else ""
    if not line:
        line = f"{reason.title}: {flat(seen.source)}" if seen.source else reason.title
    caller = _caller(place) if inner else ""
    return flat(line, WIDTH - len(caller)) + caller


def advice(place: Break, reason: Reason) -> tuple[str, ...]:
    """One to three short steps for this place.

    A person cannot edit an installed library: there the steps are what can be done from outside.
    """
    steps = list(reason.steps) if place.owner.mine else [*reason.outside, _library(place)]
    if not steps:
        steps = [f"See what to write instead: g2 why {reason.slug}"]
    if place.because_of is not None:
        made = f"No input goes into this value: it is made {_where(place.because_of, place.span.path)}"
        steps.insert(0, f"{made}. Make it there in plain Python." if place.owner.mine else f"{made}.")
    steps = steps[: 2 if place.hidden or place.after_effect_of else 3]
    if place.after_effect_of is not None:
        return (f"Nothing to do here: it goes away with the break at {place.after_effect_of}.",)
    if place.hidden:
        steps.append("It shows only once the break in front of it is gone: deal with that one first.")
    elif place.effect is Effect.FRAME_LOST and place.owner.mine and len(steps) < 3:
        steps.append(f"As long as it breaks here, all of {_name(place)} runs without compilation, not this line alone.")
    return tuple(steps)


def _where(origin: Span, here: str) -> str:
    if origin.path == here:
        return f"in line {origin.line}"
    return f"at {PurePath(origin.path).name}:{origin.line}"


def _inside(path: str) -> bool:
    """Whether the line is torch's or Python's own: its text says little to the person."""
    return _OTHERS.search(path) is not None


def _caller(place: Break) -> str:
    """Where in the person's or a package's code the call came from: ", from model.py:12"."""
    for frame in reversed(place.stack):
        if not _inside(frame.span.path):
            return f", from {PurePath(frame.span.path).name}:{frame.span.line}"
    return ""


def _name(place: Break) -> str:
    return f"`{place.function}`" if place.function else "the function"


def _library(place: Break) -> str:
    if place.span.path.startswith("<"):
        return "The code is in no file: it was made while the script ran. Change what makes it."
    package = " ".join(part for part in (place.owner.package, place.owner.version) if part)
    return (
        f"The place is in {package or 'an installed library'}. Try a newer version, or compile the modules around "
        f"{_name(place)} and leave its caller uncompiled."
    )
