"""The first line of every report, and what to say when there is nothing to report."""

from __future__ import annotations

import signal

from g2.capture.model import Root, Session
from g2.cli.text import inline, listing, milliseconds, plural
from g2.explain.report import Report


def summary(report: Report, left_out: int = 0) -> str:
    """The report in one sentence, without a full stop at its end when it lists findings.

    `left_out` counts findings that the person asked not to see: without them nothing is clean.
    """
    if report.clean and left_out:
        return f"Nothing of what was asked for; {plural(left_out, 'other finding')}."
    if report.clean:
        return _nothing(report.session)
    parts = []
    if counts := _counts(report):
        parts.append(counts)
    pieces, roots = _pieces(report.session), _called(report.session)
    if report.findings and roots and pieces > roots:
        parts.append(f"{plural(pieces, 'graph')} where {roots} would do")
    elif report.findings and roots and not pieces:
        parts.append("nothing is in a graph")
    if (lost := lost_ms(report)) is not None:
        parts.append(f"about {milliseconds(lost)} lost per call")
    return "; ".join(parts)


def lost_ms(report: Report) -> float | None:
    """Milliseconds lost per call over all breaks that were measured; None when none was."""
    known = [c for f in report.findings if (c := f.place.cost.per_call_ms) is not None]
    return sum(known) if known else None


def _counts(report: Report) -> str:
    seen = [f.place for f in report.findings if not f.place.hidden]
    hidden = len(report.findings) - len(seen)
    words = []
    if seen:
        events = sum(max(place.count, 1) for place in seen)
        at = f" at {plural(len(seen), 'place')}" if events != len(seen) else ""
        words.append(plural(events, "graph break") + at)
    if hidden:
        words.append(plural(hidden, "hidden break" if seen else "hidden graph break"))
    if report.recompiles:
        words.append(plural(sum(r.count for r in report.recompiles), "recompile"))
    return ", ".join(words)


def _pieces(session: Session) -> int:
    # "0/1" is the first recompile of frame 0: another version of the same piece, not one more
    # piece.
    return len({graph.id.split("/")[0] for graph in session.graphs if not graph.backward})


def _called(session: Session) -> int:
    return sum(root.calls > 0 for root in session.roots)


def _nothing(session: Session) -> str:
    if session.exit_code and session.torch is None:
        return "Nothing to explain: the script ended before it imported torch."
    if session.exit_code and not any(root.calls for root in session.roots):
        return "Nothing was compiled: the script ended before its first call."
    if session.torch is None:
        return "Nothing to explain: the script did not import torch."
    if not session.roots and session.graphs:  # compiled by others, whose calls were not counted
        return f"No graph breaks, no recompiles in {plural(_pieces(session), 'graph')}."
    if not session.roots:
        return "Nothing was compiled: the script called no nn.Module of its own and no torch.compile."
    called = [root for root in session.roots if root.calls]
    if not called:
        return f"Nothing was compiled: what torch.compile returned for {_names(list(session.roots))} was never called."
    pieces, calls = _pieces(session), sum(root.calls for root in called)
    if not pieces:
        return f"Dynamo made no graph of {_names(called)} in {plural(calls, 'call')}."
    graphs = "one whole graph" if pieces == 1 else plural(pieces, "whole graph")
    what = f"{_names(called)} {'is' if len(called) == 1 else 'are'} {graphs}"
    if session.lost or session.exit_code:
        return f"No graph break or recompile was seen in {plural(calls, 'call')} of {_names(called)}."
    return f"No graph breaks, no recompiles: {what} over {plural(calls, 'call')}."


def _names(roots: list[Root]) -> str:
    names = list(dict.fromkeys(inline(root.name) for root in roots))
    shown = names if len(names) <= 3 else [*names[:2], f"{len(names) - 2} more"]
    return listing(shown)


def advice_when_empty(session: Session) -> str | None:
    """What to do about a run in which nothing was compiled; None when something was, or the script failed."""
    if session.exit_code:
        return None
    if session.torch is None:
        return (
            "Name a script that runs a PyTorch model. Processes that it starts are observed too, "
            "when they run the same Python."
        )
    if session.roots and not any(root.calls for root in session.roots):
        return (
            "torch.compile(model) returns another object; calls of the first one, and methods such as "
            "model.generate(), run uncompiled. model.compile() compiles it in place."
        )
    if not session.roots and not session.graphs:
        return (
            "g2 compiles each outermost call of an nn.Module. Name a plain function or a method: "
            "g2 explain --compile module:function SCRIPT, or --compile Class.method."
        )
    if not session.graphs:
        return (
            "That happens when nothing there can be traced, or when tracing is disabled. "
            "Name an inner function: g2 explain --compile module:function SCRIPT."
        )
    return None


def failure(session: Session) -> str | None:
    """A sentence about how the script ended, when it failed."""
    if session.exit_code == -signal.SIGINT:
        what = "The script was stopped by Ctrl-C"
    elif session.script_error:
        what = f"The script failed: {inline(session.script_error)}".rstrip(".:")
    elif session.exit_code < 0:
        what = f"The script was ended by {signal_name(-session.exit_code)}"
    elif session.exit_code:
        what = f"The script ended with exit code {session.exit_code}"
    else:
        return None
    nothing = not session.breaks and not session.recompiles and not session.graphs
    return f"{what}." if nothing else f"{what}. This is what was seen until then."


def signal_name(number: int) -> str:
    """`SIGSEGV` for 11."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
