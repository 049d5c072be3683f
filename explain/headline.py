"""One line for one place, and the steps to take there."""

from __future__ import annotations

from g2.capture.model import Break, Effect
from g2.explain.catalog import evidence
from g2.explain.reading import flat
from g2.explain.reason import Reason

WIDTH = 99


def headline(place: Break, reason: Reason) -> str:
    """One line under 100 characters that says what happened at this place."""
    seen = evidence(place)
    line = reason.headline(seen) if reason.headline else ""
    if not line:
        line = f"{reason.title}: {flat(seen.source)}" if seen.source else reason.title
    return flat(line, WIDTH)


def advice(place: Break, reason: Reason) -> tuple[str, ...]:
    """One to three short steps for this place.

    A person cannot edit an installed library: there the steps are what can be done from outside.
    """
    steps = list(reason.steps) if place.owner.mine else [*reason.outside, _library(place)]
    if not steps:
        steps = [f"See what to write instead: g2 why {reason.slug}"]
    steps = steps[: 2 if place.hidden or place.after_effect_of else 3]
    if place.after_effect_of is not None:
        return (f"Nothing to do here: it goes away with the break at {place.after_effect_of}.",)
    if place.hidden:
        steps.append("It shows only once the break in front of it is gone: deal with that one first.")
    elif place.effect is Effect.FRAME_LOST and place.owner.mine and len(steps) < 3:
        steps.append(f"Until then all of {_name(place)} runs without compilation, not this line alone.")
    return tuple(steps)


def _name(place: Break) -> str:
    return f"`{place.function}`" if place.function else "the function"


def _library(place: Break) -> str:
    package = " ".join(part for part in (place.owner.package, place.owner.version) if part)
    return (
        f"The place is in {package or 'an installed library'}. Try a newer version, or compile the modules around "
        f"{_name(place)} and leave its caller uncompiled."
    )
