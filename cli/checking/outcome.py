"""What a check came to, as an exit code, and what to do when nothing could be checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from g2.capture.model import Session
from g2.check.model import Check
from g2.cli.checking.sentences import lowered
from g2.cli.errors import INTERRUPTED, REFUSED
from g2.cli.summary import advice_when_empty, failure, summary
from g2.explain.findings import report

_ENTRY = "g2 check --compile module:function SCRIPT, or --compile Class.method, names what to check"


def exit_code(session: Session, check: Check, parts: Sequence[str]) -> int:
    """0 right, 1 wrong, 2 when something that was asked for could not be done at all; the script's own when it failed,
    128 + N for signal N; 130 when the check was interrupted.
    """
    if session.exit_code:
        return 128 - session.exit_code if session.exit_code < 0 else session.exit_code
    if check.interrupted:
        return INTERRUPTED
    if check.wrong:
        return 1
    if not check.captured:
        return REFUSED
    done = {
        "correct": any(one.outcome != "unable" for call in check.calls for one in call.compared),
        "speed": any(call.speed for call in check.calls),
        "kernels": any(not one.stopped_by or one.kernels for _, one in lowered(check)),
    }
    return 0 if all(done[part] for part in parts) else REFUSED


def remarks(session: Session, check: Check) -> Iterator[str]:
    """Sentences below the report."""
    if (said := failure(session)) is not None:
        yield said
    elif not check.calls and (advice := advice_when_empty(session)) is not None:
        yield summary(report(session)).replace("Nothing to explain", "Nothing to check")
        yield advice.replace("g2 explain --compile", "g2 check --compile")
    elif check.calls and not check.captured:
        yield "`g2 explain` says what keeps Dynamo from making a graph."
    elif not check.calls:
        yield f"No call of a root was examined: {_ENTRY}."
