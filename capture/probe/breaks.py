"""Every place where Dynamo stops: breaks it resumes from, frames it gives up, errors of its own.

Private torch used here (2.11 to 2.15): InstructionTranslatorBase.log_graph_break, ConvertFrameAssert.__call__ and its
`_one_graph` and `_box`, the exception classes of torch._dynamo.exc. The structured trace omits whole-frame
refusals; these hooks see all.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from typing import Any

from torch._dynamo import convert_frame, exc, symbolic_convert
from torch._guards import CompileContext

from g2.capture.journal import Journal
from g2.capture.mine import is_mine, owned_by_package
from g2.capture.probe import causes, names, originals, places
from g2.capture.probe.patch import replace
from g2.capture.probe.stats import Stats

_ANOTHER = "*** While handling this graph break, another graph break occurred: ***"
_LINK = re.compile(r"/gb(\d{4,5})\.html")
_CONTEXT = re.compile(r"(?m)^\s*Developer debug context: (.*)$")
_EXPLANATION = re.compile(r"(?m)^\s*Explanation: (.*)$")
SOFT = (exc.Unsupported, exc.UserError)


def install(journal: Journal, stats: Stats, lose: Callable[[str], None]) -> None:
    """Listen to every break. Without one of these hooks breaks are missing from the record, and that is told."""
    told = _Told(journal, stats, lose)
    replace(symbolic_convert, "InstructionTranslatorBase.log_graph_break", lambda real: _splits(real, told), lose,
            "breaks between two graphs are not seen")  # fmt: skip
    replace(convert_frame, "ConvertFrameAssert.__call__", lambda real: _converts(real, told), lose,
            "breaks that cost a function its frame are not seen")  # fmt: skip


def _splits(log_graph_break: Callable[..., Any], told: _Told) -> Callable[..., Any]:
    def splits(self: Any, code_options: Any, reason: Any = None, exc: Any = None, **more: Any) -> Any:
        if exc is not None and not getattr(exc, "logged", False):
            told.tell(exc, "split", self, self.output.root_tx.f_code)
        return log_graph_break(self, code_options, reason, exc, **more)

    return splits


def _converts(convert: Callable[..., Any], told: _Told) -> Callable[..., Any]:
    def converts(self: Any, frame: Any, *args: Any, **kwargs: Any) -> Any:
        # `skip` says how many Python frames lie between Dynamo's entry and the user's; this is one more.
        kwargs["skip"] = kwargs.get("skip", 0) + 1
        told.begin()
        try:
            return convert(self, frame, *args, **kwargs)
        except Exception as error:
            if self._one_graph:  # torch.export and the like: the error is theirs to see
                raise
            self._box.error_on_graph_break = False
            soft = isinstance(error, SOFT)
            if not getattr(error, "logged", False):
                told.tell(error, "frame-lost" if soft else "raised", None, frame.f_code)
            else:
                told.lost(frame.f_code)
            if soft:
                raise
            # Eager works where Dynamo itself raised: give the frame up and let the script go on.
            raise exc.Unsupported(f"g2: Dynamo raised {type(error).__name__}") from error

    return converts


class _Told:
    """Writes break events."""

    def __init__(self, journal: Journal, stats: Stats, lose: Callable[[str], None]) -> None:
        self._journal = journal
        self._stats = stats
        self._lose = lose
        self._last = ""

    def begin(self) -> None:
        """Another compilation: after torch._dynamo.reset() it may have the id of an earlier one."""
        self._last = ""

    def tell(self, error: Exception, effect: str, tx: Any, root_code: types.CodeType) -> None:
        try:
            event = self._event(error, effect, tx, root_code)
        except Exception as problem:  # nothing of ours may reach the script
            self._lose(f"a graph break could not be described: {type(problem).__name__}: {problem}")
            return
        # Dynamo restarts its analysis of a frame, and then logs a data-dependent branch again (generic_jump has no
        # speculation).
        again = f"{event['id']} {event['path']}:{event['line']}:{event['column']}:{event['title']}"
        if not event["id"] or again != self._last:
            self._journal.write(event)
        self._last = again
        self._stats.last_break = f"{event['path']}:{event['line']}:{event['title']}"

    def lost(self, code: types.CodeType) -> None:
        """The frame whose break was told already is given up after all."""
        own = originals.original(code)
        self._journal.write(
            {"e": "frame_lost", "path": own.co_filename, "line": own.co_firstlineno,
             "function": places.function_name(own), "key": self._stats.last_break}
        )  # fmt: skip

    def _event(
        self, error: Exception, effect: str, tx: Any, root_code: types.CodeType
    ) -> dict[str, Any]:
        root_code = originals.original(root_code)
        found = places.translators(error)
        if not found and tx is not None:
            found = [tx]
        traced = [places.place(t) for t in found]
        if traced:
            spot, opcode = _innermost(found, traced, isinstance(error, SOFT))
        else:  # refused before anything was traced: the place is the function
            spot = [root_code.co_filename, root_code.co_firstlineno, -1, -1, -1]
            spot, opcode = [*spot, places.function_name(root_code)], ""
        first = _message(error).split(_ANOTHER)[0]
        title = first.strip().split("\n")[0].strip() if isinstance(error, SOFT) else _headline(error)
        link = _LINK.search(first)
        active = self._stats.active
        path = places.call_path(found)
        if not traced:
            path.append(spot)
        return {
            "e": "break",
            **dict(zip(("path", "line", "column", "end_line", "end_column", "function"), spot, strict=True)),
            "kind": f"GB{link[1]}" if link and isinstance(error, SOFT) else None,
            "title": title,
            "context": _context(first),
            "module": places.module_path(found, active.module if active else None),
            "stack": path,
            "effect": effect,
            "opcode": opcode,
            "frame": [root_code.co_filename, root_code.co_firstlineno, places.function_name(root_code)],
            "id": str(CompileContext.current_compile_id() or getattr(error, "compile_id", None) or ""),
            "after": self._stats.last_break,
            "root": active.root if active else None,
            "call": active.call if active else None,
            "because": causes.constant_origin(error),
            "values": names.values(_at(found, spot)) if found else [],
            "hidden": False,
        }  # fmt: skip


def _innermost(found: list[Any], traced: list[places.Place], soft: bool) -> tuple[places.Place, str]:
    """The place to show, and the instruction that stopped Dynamo.

    Dynamo's Python polyfills are not anybody's source: the line that led there is. Where Dynamo itself failed, no
    line inside a
    library is at fault: the person's own line is shown, else the library's (not the standard library's).
    """
    opcode = found[-1].current_instruction.opname
    inner = [spot for spot in reversed(traced) if "_dynamo/" not in spot[0].replace("\\", "/")]
    if not soft:
        inner = [
            *(s for s in inner if is_mine(s[0])),
            *(s for s in inner if owned_by_package(s[0])),
            *inner,
        ]
    return (inner or traced[::-1])[0], opcode


def _at(found: list[Any], spot: places.Place) -> Any:
    """The translator whose line is shown."""
    return next((tx for tx in reversed(found) if places.place(tx) == spot), found[-1])


def _context(message: str) -> str:
    """Dynamo's debug context, with what only the explanation says.

    That is the error of an operator that fails on fake tensors (its context is empty), and why a call was to be a break
    ("Unsupported function call (delayed)").
    """
    context, explanation = (found[1].strip() if (found := p.search(message)) else "" for p in (_CONTEXT, _EXPLANATION))
    if not context:
        return explanation[:500]
    reason = explanation.partition(" Reason: ")[2]
    return f"{context[:250]} Reason: {reason}"[:500] if reason else context[:500]


def _message(error: Exception) -> str:
    return str(getattr(error, "msg", None) or error)


def _headline(error: Exception) -> str:
    inner: BaseException = error
    while isinstance(inner, exc.InternalTorchDynamoError) and inner.__cause__ is not None:
        inner = inner.__cause__
    first = str(inner).strip().split("\n")[0]
    if isinstance(inner, exc.InternalTorchDynamoError):  # "AttributeError: ..." leads its text
        return first
    return f"{type(inner).__name__}: {first}"
