"""Which breaks are only there because an earlier one cost a function its frame.

When Dynamo gives a function up, Python runs it, and meets its comprehensions, generator expressions and the
generators it calls as frames of their own. Dynamo then reports that it cannot trace a generator. Such a break goes
away when the function's own cause does.
"""

from __future__ import annotations

from g2.capture.fold.journals import Event

_TITLES = ("Missing tp_iternext", "Attempt to trace generator")
_INNER = ("<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>", "<lambda>")


def possible(event: Event) -> bool:
    """Whether Dynamo's words are those of an after-effect."""
    return str(event["title"]).startswith(_TITLES)


class Causes:
    """The functions that were given up so far in one process, and by which break."""

    def __init__(self) -> None:
        self._lost: dict[tuple[str, str], str] = {}

    def lost(self, frame: Event, key: str) -> None:
        """`frame` (path, line, function) runs in eager because of the break `key`."""
        self._lost.setdefault((frame["path"], frame["function"]), key)

    def of(self, event: Event) -> str | None:
        """The key of the break that `event` is an after-effect of, if it is one."""
        again = f":{event['title']}" if event["effect"] == "raised" else None
        if again is None and not possible(event):
            return None
        path, function = event["frame"][0], event["frame"][2]
        parent, _, last = function.rpartition(".")
        if last in _INNER and (cause := self._lost.get((path, parent))):
            return cause
        for step in reversed(event["stack"]):
            cause = self._lost.get((step[0], step[5]))
            if cause is None or (step[0], step[5]) == (path, function):
                continue
            if again is None or cause.endswith(again):
                return cause
        # Its function was not given up, so it is one that Dynamo skips: the break before this one was the call of it.
        return event.get("after") if last in _INNER and again is None else None
