"""From nodes of an FX graph to the program's lines: Dynamo keeps a stack for each, and decompositions hand it on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

from g2.capture.mine import is_mine
from g2.check.model import Line

_FRAME = re.compile(r'^ *File "(.*)", line (\d+), in (.*)$', re.MULTILINE)
_RESUMED = re.compile(r"^torch_dynamo_resume_in_(.*)_at_\d+$")
_TORCH = str(Path(torch.__file__).parent) + "/"
_FAR = 64  # nodes that are asked around one that has no stack


def of_text(stack: str) -> tuple[Line, ...]:
    """The innermost line outside torch and the innermost of the person's own, where that is another. Where all of it is
    torch's, its innermost line.
    """
    frames = [Line(path, int(line), _function(name)) for path, line, name in _FRAME.findall(stack)]
    outside = [one for one in frames if not one.path.startswith(_TORCH) and not one.path.startswith("<")]
    own = [one for one in outside if is_mine(one.path)]
    picked = [*outside[-1:], *own[-1:]] or frames[-1:]
    return tuple(dict.fromkeys(picked))


def of_node(node: torch.fx.Node) -> tuple[Line, ...]:
    """The lines that a node computes; where a pass made it without saying for whom, those of what it reads, else of
    what reads it.
    """
    own = of_text(_stack(node))
    if own:
        return own
    for around in (_inputs, _users):
        for level in _levels(node, around):
            found = {line for other in level for line in of_text(_stack(other))}
            if found:
                return tuple(sorted(found))
    return ()


def of_nodes(nodes: Iterable[torch.fx.Node]) -> tuple[Line, ...]:
    """Of all of them, each once, in order of path and line."""
    found = {line for node in nodes for line in of_node(node)}
    return tuple(sorted(found))


def _stack(node: torch.fx.Node) -> str:
    stack: Any = node.meta.get("stack_trace")
    if isinstance(stack, str) and stack:
        return stack
    source = node.meta.get("from_node")
    for one in source if isinstance(source, (list, tuple)) else ():
        stack = getattr(one, "stack_trace", None)
        if isinstance(stack, str) and stack:
            return stack
    return ""


def _inputs(node: torch.fx.Node) -> list[torch.fx.Node]:
    return [one for one in node.all_input_nodes if one.op != "placeholder"]


def _users(node: torch.fx.Node) -> list[torch.fx.Node]:
    return [one for one in node.users if one.op != "output"]


def _levels(
    node: torch.fx.Node, around: Callable[[torch.fx.Node], list[torch.fx.Node]]
) -> Iterator[list[torch.fx.Node]]:
    """Those one step away, then those two steps away ..."""
    level, seen = [node], {node}
    while level and len(seen) < _FAR:
        level = list(dict.fromkeys(other for one in level for other in around(one) if other not in seen))
        seen.update(level)
        yield level


def of_root(root: str) -> tuple[Line, ...]:
    """The line of a root's name ("Net@train.py:12"), for what has no stack: a bare nn.Sequential's own modules."""
    name, _, place = root.partition("@")
    path, _, line = place.rpartition(":")
    return (Line(path, int(line), name),) if path and line.isdigit() else ()


def _function(name: str) -> str:
    resumed = _RESUMED.match(name)
    return resumed[1] if resumed else name
