"""Where a value that stopped Dynamo came from, when no data went into it.

NumPy on plain numbers is traced as tensors, so Dynamo reports a data-dependent branch on some later line although
nothing depends on data. The FX nodes behind the value tell: when none of them is an input of the graph, the first
call among them is the real place.

Private torch used here (2.11 to 2.15): the local `value` of generic_jump's frames (a VariableTracker with a proxy),
LazyVariableTracker.is_realized, node.meta["stack_trace"].
"""

from __future__ import annotations

import re
from typing import Any

from torch._dynamo.variables.lazy import LazyVariableTracker
from torch.fx import Node

_FILE = re.compile(r'File "([^"]+)", line (\d+)')


def constant_origin(error: BaseException) -> list[Any] | None:
    """[path, line, -1, -1, -1] of the first call that made the value, when the value depends on no input; else None."""
    node = _node(error)
    if node is None:
        return None
    seen: dict[Node, None] = {}
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        if current.op in ("placeholder", "get_attr"):
            return None
        seen[current] = None
        waiting.extend(current.all_input_nodes)
    first = next((n for n in node.graph.nodes if n in seen), node)
    places = _FILE.findall(str(first.meta.get("stack_trace") or ""))
    return [places[-1][0], int(places[-1][1]), -1, -1, -1] if places else None


def _node(error: BaseException) -> Node | None:
    tb = error.__traceback__
    found = None
    while tb is not None:
        value = tb.tb_frame.f_locals.get("value")
        if isinstance(value, LazyVariableTracker):
            # To ask an unrealized one for its proxy would realize it, which adds guards and may raise.
            value = value.realize() if value.is_realized() else None
        proxy = getattr(value, "proxy", None)
        if isinstance(node := getattr(proxy, "node", None), Node):
            found = node
        tb = tb.tb_next
    return found
