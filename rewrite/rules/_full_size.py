"""The text of an expression over `x[mask]` with whole tensors in their place, right where the mask is false, too."""

from __future__ import annotations

from collections.abc import Mapping

import libcst as cst

from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._pointwise import Form, form
from g2.rewrite.rules._spliced import spliced
from g2.rewrite.source import Piece


class FullSize:
    """Leaves (`x[mask]`, or a name that holds one) stand for whole tensors, given as text."""

    def __init__(
        self, kinds: Kinds, torch: str, mask: str, leaves: Mapping[cst.CSTNode, str], behind: int
    ) -> None:
        """`mask`: its text, as wide as the tensors."""
        self.kinds, self.torch, self.mask = kinds, torch, mask
        self.leaves, self.behind = leaves, behind

    @property
    def piece(self) -> Piece:
        return self.kinds.site.piece

    def form(self, node: cst.BaseExpression) -> Form | None:
        return form(self.kinds, node, self.leaves, self.behind)

    def whole(self, node: cst.BaseExpression) -> str:
        """The expression with whole tensors; nothing is masked."""
        return spliced(self.piece, node, self.leaves)

    def held(self, node: cst.BaseExpression, fill: str) -> str:
        """The same, with `fill` in the place of elements that are not selected, so that neither they nor their
        gradients can do harm.
        """
        parts: dict[cst.CSTNode, str] = {part: self.where(part, fill) for part in self._linear(node)}
        return spliced(self.piece, node, {**self.leaves, **parts})

    def where(self, node: cst.BaseExpression, other: str, text: str | None = None) -> str:
        return f"{self.torch}.where({self.mask}, {self.whole(node) if text is None else text}, {other})"

    def zeroed(self, node: cst.BaseExpression) -> str:
        """The expression at full size, zero where the mask is false."""
        known = self.form(node)
        if known is not None and known.zero:
            return self.held(node, "0")
        return self.where(node, "0", self.selectable(node))

    def selectable(self, node: cst.BaseExpression) -> str:
        """The expression at full size, fit to be selected from: what is not selected gives no NaN gradient."""
        known = self.form(node)
        return self.whole(node) if known is not None and known.linear else self.held(node, "1")

    def _linear(self, node: cst.BaseExpression) -> list[cst.BaseExpression]:
        """The largest parts that hold leaves and let a zero gradient be."""
        known = self.form(node)
        if known is not None and known.leaf and known.linear:
            return [node]
        found: list[cst.BaseExpression] = []
        for child in node.children:
            found += self._linear_below(child)
        return found

    def _linear_below(self, node: cst.CSTNode) -> list[cst.BaseExpression]:
        if isinstance(node, cst.BaseExpression):
            return self._linear(node)
        return [part for child in node.children for part in self._linear_below(child)]
