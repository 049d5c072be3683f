"""Which node of the post-grad graph each buffer of Inductor holds.

Private torch (2.11 to 2.15): GraphLowering.graph_inputs and name_to_buffer, Buffer.get_origin_node,
ir.ExternKernel.inputs and ir.MultiOutput.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch


def nodes_of_buffers(lowering: Any) -> dict[str, str]:
    """Each buffer's post-grad node; an input's is itself."""
    found = {str(name): str(name) for name in lowering.graph_inputs}
    for name, buffer in lowering.name_to_buffer.items():
        with contextlib.suppress(Exception):
            node = buffer.get_origin_node()
            if node is not None:
                found[str(name)] = node.name
    for name, node in _arguments(lowering):
        found.setdefault(name, node.name)
    return found


def _arguments(lowering: Any) -> Iterator[tuple[str, torch.fx.Node]]:
    """Buffers that library calls take as they are, and the nodes that the ops take at the same places.

    What is copied into the layout that a library wants has no node of its own.
    """
    for buffer in lowering.name_to_buffer.values():
        with contextlib.suppress(Exception):
            call, node = buffer, buffer.get_origin_node()
            if type(call).__name__ == "MultiOutput":  # one of the results of a call
                call, node = call.inputs[0], node.args[0]
            given = node.all_input_nodes
            if len(call.inputs) != len(given):
                continue
            for taken, argument in zip(call.inputs, given, strict=True):
                while type(taken).__name__ in ("TensorBox", "StorageBox"):
                    taken = taken.data
                sizes = [int(size) for size in taken.get_size()]
                if type(taken).__name__ == "ComputedBuffer" and sizes == list(argument.meta["val"].shape):
                    yield str(taken.get_name()), argument
