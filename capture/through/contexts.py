"""A context manager that Dynamo cannot trace: entered and left for real, while the trace sees one that does nothing."""

from __future__ import annotations

from typing import Any

from torch._dynamo.variables.ctx_manager import NullContextVariable

from g2.capture.through.running import Undo, enters_for_real, run
from g2.capture.through.stop import Stop
from g2.capture.through.values import Unreal


class EnteredContext(NullContextVariable):
    """Leaves the real context where the trace leaves the block."""

    def __init__(self, real: Any, undo: Undo) -> None:
        super().__init__()
        self._real, self._undo = real, undo

    def exit(self, tx: Any, *args: Any) -> Any:
        run(self._undo.leave, [self._real], {}, result_used=False)
        return super().exit(tx, *args)


def enter(stop: Stop) -> None:
    """BEFORE_WITH: the real __enter__ gives the value; raises Unreal where it raises."""
    real = stop.real(-1)
    value = None
    context: Any = NullContextVariable()
    if enters_for_real(real):
        if not hasattr(type(real), "__exit__"):
            raise Unreal("not a context manager")
        value = run(stop.undo.enter, [real], {})
        context = EnteredContext(real, stop.undo)
    variable = stop.variable(value, [(real, stop.stack[-1])])
    stop.done(1, context)
    stop.again(stop.tx, stop.inst)
    stop.tx.stack[-1] = variable
