"""One thing that a branch does: something gets a value."""

from __future__ import annotations

from dataclasses import dataclass

from g2.rewrite.rules._choice import Side


@dataclass(frozen=True, slots=True)
class Update:
    """`target` becomes a value. `write` puts it there: "=" binds anew, "copy" and "item" write into the tensor that is
    there, "register" is a call of register_buffer, with the text before and after the value.
    """

    target: str
    value: Side
    write: str = "="
    around: tuple[str, str] = ("", "")

    @property
    def old(self) -> str:
        return self.around[0] if self.write == "register" else self.target

    def pieces(self) -> tuple[str, str]:
        """The text before and after the value."""
        if self.write == "copy":
            return f"{self.target}.copy_(", ")"
        if self.write == "register":
            return self.around
        return f"{self.target} = ", ""
