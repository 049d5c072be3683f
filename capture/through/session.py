"""What one fork finds: the breaks of one root call, each place once, written to a journal of its own."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch._dynamo import exc

from g2.capture.journal import Journal
from g2.capture.mine import is_installed, is_mine
from g2.capture.probe import names, places
from g2.capture.through.running import Undo

SOFT = (exc.Unsupported, exc.UserError)
_ANOTHER = "*** While handling this graph break, another graph break occurred: ***"
_LINK = re.compile(r"/gb(\d{4,5})\.html")
_CONTEXT = re.compile(r"(?m)^\s*Developer debug context: (.*)$")

# Only what stands before makes Dynamo say these: a frame given up leaves its comprehensions and generators to be
# compiled alone, and operators that are checked against real values fail where plain fake tensors pass.
_NOT_THEIR_OWN = re.compile(
    r"Missing tp_iternext|Attempt to trace generator|when making fake tensor call|"
    r"Reconstruction failure|UnknownVariable|Mutating a variable not in the current scope|"
    r"g2_kept"
)


class WholeFrameTraced(exc.SkipFrame):
    """Ends the trace of a root frame: nothing is compiled, the frame runs in eager."""


class Session:
    """State of one fork. `root` and `number` name the root call, `module` its nn.Module when it has one."""

    def __init__(
        self, journal: Journal, root: str, number: int | None = None, module: torch.nn.Module | None = None
    ) -> None:
        self.undo = Undo()
        self.changes = 0  # of what lives outside the trace, as Dynamo notes them
        self.inlined: list[set[Any]] = []  # per root frame being traced: code that was traced to its end
        # Code that traces could not go through, so that Dynamo meets it, or what it calls, alone.
        self.entered: set[Any] = set()
        self.recurrent = False  # an RNN, GRU or LSTM module was met
        self.module = module
        self.counts = {"found": 0, "recovered": 0, "whole": 0, "roots": 0}
        self.stopped: dict[str, int] = {}  # why tracing on was not possible, and how often
        self._journal = journal
        self._root = root
        self._number = number
        self._seen: set[tuple[Any, ...]] = set()
        self._lines: set[tuple[Any, ...] | None] = set()

    def tell(self, tx: Any, error: Exception, effect: str) -> None:
        """Write the place where `tx` stands, unless it was written before or is none of the script's own."""
        if not isinstance(error, SOFT):
            return  # Dynamo's own fault here may come of our doing
        first = str(getattr(error, "msg", None) or error).split(_ANOTHER)[0]
        title = first.strip().split("\n")[0].strip()
        if _NOT_THEIR_OWN.search(first[:4000]):
            return
        found = _chain(tx)
        traced = [places.place(one) for one in found]
        spot, opcode = next(
            ((place, one.current_instruction.opname)
             for one, place in zip(reversed(found), reversed(traced), strict=True)
             if "_dynamo/" not in place[0].replace("\\", "/")),
            (traced[-1], tx.current_instruction.opname),
        )  # fmt: skip
        link = _LINK.search(first)
        kind = f"GB{link[1]}" if link else None
        key = (spot[0], spot[1], spot[2], kind, title)
        if key in self._seen or self._told_for(spot, traced):
            return
        self._seen.add(key)
        self.counts["found"] += 1
        context = _CONTEXT.search(first)
        code = tx.output.root_tx.f_code
        event: dict[str, Any] = {
            "e": "break",
            **dict(zip(("path", "line", "column", "end_line", "end_column", "function"), spot, strict=True)),
            "kind": kind,
            "title": title,
            "context": context[1].strip()[:500] if context else "",
            "module": places.module_path(found, self.module),
            "stack": places.call_path(found),
            "effect": effect,
            "opcode": opcode,
            "frame": [code.co_filename, code.co_firstlineno, places.function_name(code)],
            "id": "",
            "root": self._root,
            "call": self._number,
            "values": names.values(tx),
            "hidden": True,
        }
        self._journal.write(event)

    def _told_for(self, spot: places.Place, traced: list[places.Place]) -> bool:
        """A place inside torch stands for the line that led into torch: one is enough."""
        if not places.internal(spot[0]):
            return False
        line = next((tuple(step[:5]) for step in reversed(traced) if not places.internal(step[0])), None)
        if line in self._lines:
            return True
        self._lines.add(line)
        return False

    def stop(self, why: str) -> None:
        self.stopped[why] = self.stopped.get(why, 0) + 1


def _chain(tx: Any) -> list[Any]:
    out = [tx]
    while (parent := getattr(out[-1], "parent", None)) is not None:
        out.append(parent)
    return out[::-1]


def is_users(path: str) -> bool:
    """Whether frames of this file are traced as roots of their own: not torch's, not the standard library's."""
    return is_mine(path) or (is_installed(path) and not places.internal(path))
