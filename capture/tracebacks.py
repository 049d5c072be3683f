"""Child side: an uncaught exception is shown as plain Python shows it.

A call that g2 compiled runs through frames of ours and of Dynamo's, in functions that Dynamo made. The person knows
none of them: what is printed names the lines of the script and of its libraries only. Where the script compiles by
itself, Dynamo's frames are its own and stay.
Private torch used here (2.11 to 2.15): GraphModule._lineno_map and
_prologue_start; without them a failing graph is shown without its line.
"""

from __future__ import annotations

import dis
import re
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from traceback import FrameSummary, TracebackException
from types import FrameType, TracebackType

_OURS = str(Path(__file__).parent) + "/"
_DYNAMOS = ("/torch/_dynamo/", "/torch/fx/_lazy_graph_module.py", "/torch/fx/graph_module.py")
_RESUME = "torch_dynamo_resume_in_"
_GRAPH = "<eval_with_key>"
_ENTRY = "outermost"  # the wrapper in outermost.py that stands for Module._wrapped_call_impl
_STEP = re.compile(r'^ *File "(.+)", line (\d+), in (.+)$', re.MULTILINE)


def install() -> None:
    """Put our display in the place of Python's own; a display that the script installs takes its place in turn."""
    before, in_thread = sys.excepthook, threading.excepthook

    def shown(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        text = plain(error, trace)
        if text is None or sys.stderr is None:
            before(kind, error, trace)
        else:
            sys.stderr.write(text)
            sys.stderr.flush()

    def shown_in_thread(args: threading.ExceptHookArgs) -> None:
        text = plain(args.exc_value, args.exc_traceback) if args.exc_value is not None else None
        if text is None or sys.stderr is None or args.exc_type is SystemExit:
            in_thread(args)
        else:
            name = args.thread.name if args.thread is not None else threading.get_ident()
            sys.stderr.write(f"Exception in thread {name}:\n{text}")
            sys.stderr.flush()

    if before is sys.__excepthook__:
        sys.excepthook = shown
    if in_thread is threading.__excepthook__:
        threading.excepthook = shown_in_thread


def plain(error: BaseException, trace: TracebackType | None) -> str | None:
    """The text for stderr; None when Python's own display says the same, or this one fails."""
    try:
        shown = TracebackException(type(error), error, trace)
        return "".join(shown.format()) if _tidy(shown, error, trace) else None
    except Exception:  # the person must get the traceback, however it looks
        return None


def _tidy(shown: TracebackException, error: BaseException | None, trace: TracebackType | None) -> bool:
    """Rewrite the stacks of an exception and of those it came from; whether anything changed."""
    changed = False
    seen: set[int] = set()
    left: list[tuple[TracebackException | None, BaseException | None, TracebackType | None]] = [(shown, error, trace)]
    while left:
        view, what, steps = left.pop()
        if view is None or what is None or id(what) in seen:
            continue
        seen.add(id(what))
        frames = [frame for frame, _ in traceback.walk_tb(steps)]
        if any(f.f_code.co_filename.startswith(_OURS) for f in frames) and len(frames) == len(view.stack):
            view.stack[:] = _plain(frames, view.stack)
            changed = True
        for other, cause in ((view.__cause__, what.__cause__), (view.__context__, what.__context__)):
            left.append((other, cause, cause.__traceback__ if cause is not None else None))
        if isinstance(what, BaseExceptionGroup):
            left += [(v, e, e.__traceback__) for v, e in zip(view.exceptions or (), what.exceptions, strict=False)]
    return changed


def _plain(frames: Sequence[FrameType], steps: Sequence[FrameSummary]) -> list[FrameSummary]:
    out: list[FrameSummary] = []
    adopted = False
    for frame, step in zip(frames, steps, strict=True):
        if step.filename.startswith(_OURS):
            if frame.f_code.co_name == _ENTRY:
                adopted = True
                out.extend(_module_call())
        elif not adopted:
            out.append(step)
        elif step.filename.startswith(_GRAPH):
            inlined = _inlined(frame, step.lineno or 0)
            if inlined and out and (out[-1].filename, out[-1].name) == (inlined[0].filename, inlined[0].name):
                out.pop()  # it only says which function ran the graph
            out.extend(inlined)
        elif step.name.startswith(_RESUME):
            name = _original(step.name)
            if out and (out[-1].filename, out[-1].name) == (step.filename, name):
                out.pop()  # the first part of the same function
            out.append(_copy(step, name))
        elif not any(part in step.filename for part in _DYNAMOS):
            out.append(step)
    return out


def _original(name: str) -> str:
    """`forward` for the function that Dynamo made of its second half."""
    return name.removeprefix(_RESUME).rpartition("_at_")[0] if name.startswith(_RESUME) else name


def _copy(step: FrameSummary, name: str) -> FrameSummary:
    return FrameSummary(
        step.filename, step.lineno, name, end_lineno=step.end_lineno,
        colno=step.colno, end_colno=step.end_colno,
    )  # fmt: skip


def _module_call() -> Iterator[FrameSummary]:
    """The step that Module.__call__ takes in a plain run, where ours stood."""
    import torch

    code = torch.nn.Module._wrapped_call_impl.__code__
    calls = [i.positions for i in dis.get_instructions(code) if i.opname == "CALL_FUNCTION_EX"]
    if calls and (at := calls[-1]) is not None:
        yield FrameSummary(
            code.co_filename, at.lineno, code.co_name,
            end_lineno=at.end_lineno, colno=at.col_offset, end_colno=at.end_col_offset,
        )  # fmt: skip


def _inlined(frame: FrameType, line: int) -> list[FrameSummary]:
    """The script's lines behind a line of a graph's generated code."""
    graph = frame.f_locals.get("self")
    index = (getattr(graph, "_lineno_map", None) or {}).get(line - getattr(graph, "_prologue_start", 0))
    nodes = list(graph.graph.nodes) if index is not None and graph is not None else []
    text = nodes[index].stack_trace if index is not None and index < len(nodes) else None
    return [FrameSummary(path, int(at), _original(name)) for path, at, name in _STEP.findall(text or "")]
