"""An instruction that Dynamo could not trace, and how its result is put in its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from g2.capture.through.running import Undo, run
from g2.capture.through.symbols import symbolise
from g2.capture.through.values import realise


@dataclass(frozen=True, slots=True)
class Stop:
    """An instruction that Dynamo could not trace, with the stack as it was before."""

    tx: Any
    inst: Any
    stack: list[Any]
    kw_names: Any
    undo: Undo
    entered: set[Any]  # code that is run for real is noted here
    again: Callable[[Any, Any], Any]  # Dynamo's own handler of the instruction

    def real(self, position: int) -> Any:
        return realise(self.tx, self.stack[position])

    def variable(self, value: Any, pairs: Any = ()) -> Any:
        return symbolise(self.tx, value, pairs)

    def done(self, popped: int, *pushed: Any) -> None:
        self.tx.stack[:] = self.stack[: len(self.stack) - popped]
        for variable in pushed:
            self.tx.push(variable)

    def operate(self, count: int, function: Callable[..., Any]) -> None:
        """Replace the top `count` operands by function(*operands), the top one last."""
        operands = self.stack[len(self.stack) - count :]
        values = [realise(self.tx, operand) for operand in operands]
        result = run(function, values, {})
        self.done(count, self.variable(result, list(zip(values, operands, strict=True))))

    @property
    def result_used(self) -> bool:
        return self.tx.instruction_pointer is None or self.tx.next_instruction.opname != "POP_TOP"
