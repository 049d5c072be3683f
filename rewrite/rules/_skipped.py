"""`if test: continue` in a loop: what it skips."""

from __future__ import annotations

import libcst as cst

from g2.rewrite.site import Site


def continues(found: cst.If) -> bool:
    """Whether `continue` is all that it holds."""
    body = found.body.body
    if len(body) != 1:
        return False
    only = body[0].body[0] if isinstance(body[0], cst.SimpleStatementLine) else body[0]
    return isinstance(only, cst.Continue)


def rest(found: cst.If, site: Site) -> tuple[cst.If | None, list[cst.BaseStatement]]:
    """The statement of the loop that holds the `continue`, and what follows it in the loop."""
    piece = site.piece
    outer: cst.If = found
    block = piece.parent(found)
    above = piece.parent(block) if block is not None else None
    if isinstance(above, cst.If) and above.body is block and above.orelse is None:
        if not isinstance(block, cst.IndentedBlock) or block.body[-1] is not found:
            return None, []
        outer, block = above, piece.parent(above)
        above = piece.parent(block) if block is not None else None
    if not isinstance(block, cst.IndentedBlock) or not isinstance(above, (cst.For, cst.While)) or above.orelse:
        return None, []
    place = [one is outer for one in block.body].index(True)
    return outer, list(block.body[place + 1 :])
