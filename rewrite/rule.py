"""What one file of rewrite/rules/ holds."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from g2.rewrite.model import Left, Proposal, Safety
from g2.rewrite.site import Site


@dataclass(frozen=True, slots=True)
class Example:
    """Small whole scripts, judged by real captures: `before` breaks (or recompiles), the rule makes `after` of it, byte
    for byte, and `after` captures clean and prints the same. They may be written indented.
    """

    name: str
    before: str
    after: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "before", _script(self.before))
        object.__setattr__(self, "after", _script(self.after))


@dataclass(frozen=True, slots=True)
class Negative:
    """A small whole script that the rule leaves alone. The name says why: "branches have side effects"."""

    name: str
    script: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "script", _script(self.script))


def _script(text: str) -> str:
    return textwrap.dedent(text).strip("\n") + "\n"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rewrite: the situations it answers, when it is legal, how far it may be trusted.

    `propose` yields proposals, the best first: when the proof refuses one the next is tried. It may yield Left to say
    why the place is not one for this rule. It reads, and runs nothing. Rules with a lower `rank` are asked first.
    """

    title: str  # "a branch becomes torch.where"
    answers: tuple[str, ...]  # slugs of reasons, of breaks or recompiles
    legal: str  # when it is legal and how that is established: plain sentences, shown in docs
    safety: Safety  # the most it may reach
    propose: Callable[[Site], Iterable[Proposal | Left]]
    examples: tuple[Example, ...]
    negatives: tuple[Negative, ...] = ()
    rank: int = 50
    slug: str = ""  # filled in by the catalog from the file's name
