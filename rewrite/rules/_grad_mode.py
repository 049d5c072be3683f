"""Whether gradients are switched off where a piece of code stands, as far as the function itself says so."""

from __future__ import annotations

import libcst as cst

from g2.rewrite.source import Piece


def grad_off(piece: Piece, node: cst.CSTNode) -> bool:
    """Whether it stands in `with torch.no_grad()` or inference_mode, or in a function decorated with one."""
    for above in piece.ancestors(node):
        calls = [item.item for item in above.items] if isinstance(above, cst.With) else []
        calls += [one.decorator for one in above.decorators] if isinstance(above, cst.FunctionDef) else []
        if any("no_grad" in piece.code(call) or "inference_mode" in piece.code(call) for call in calls):
            return True
    return False
