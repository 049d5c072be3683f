"""The nouns of a cure: what is proposed, how far it may be trusted, and what was proved of it.

Everything here is frozen and plain, so that a fix can be stored, drawn and compared without torch or libcst.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from g2.capture.model import Span


class Safety(StrEnum):
    """How far a rewrite may be trusted."""

    SAFE = "safe"  # same results and side effects; applied by default
    ASK = "ask"  # may differ in a way that is named; applied with --unsafe
    SHOW = "show"  # needs a person's decision; printed only


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Characters [start, end) of a file's text become `text`, whose lines end in \\n whatever the file's do."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class FileEdits:
    """What is done to one file: edits that do not overlap, and what stands at its top.

    imports: statements such as "import torch", each added once, behind the last import of the file's head.
    helpers: whole definitions (no blank line around), each added once, behind the imports.
    """

    path: str
    edits: tuple[Edit, ...] = ()
    imports: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """One cure for one place, not tried yet.

    tests: places of expressions of the text before whose truth decides which way is taken: the proof must see each of
        them both true and false, else the rewrite is not SAFE.
    both: where the proof did not see that, the rewrite is refused.
    caveat: in which way results or side effects may differ, a sentence; required for ASK, empty for SAFE.
    differs: what the proof must then not hold against it: "random", "exception-type", "exception-time", "warning-text",
        "aliasing", "zero-gradient" (zeros where there was no gradient), "requires-grad", "kept:NAME" (an
        attribute is taken as it was when the object was made), "index-error" (one of torch's is no longer raised),
        "contiguous" (results are contiguous where they were not),
        "strides" (results lie in memory in another order),
        "empty-view" (torch's error when it infers a size of an empty tensor is no longer raised),
        "gradient-refused" (torch's error where what goes into `out=` or NumPy requires gradients is no longer raised),
        "made-early" (an attribute is there that was not yet), "number-type" (a whole number is Python's, not NumPy's),
        "filled:NAME" (what steps put into it that were skipped).
        What it may do otherwise when compiled than in eager: "no-grad-in-graphs" (a result requires no gradient).
    """

    rule: str  # slug
    summary: str  # what is done, one sentence: "the branch becomes torch.where"
    safety: Safety  # the most that the proof may give it
    files: tuple[FileEdits, ...]
    tests: tuple[Span, ...] = ()
    both: bool = False
    caveat: str = ""
    differs: frozenset[str] = frozenset()
    advice: tuple[str, ...] = ()  # for SHOW without edits: what a person should do, at most three lines, with code


@dataclass(frozen=True, slots=True)
class Left:
    """Why a rule leaves a place alone, a clause that follows "left alone: "."""

    why: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """What one comparison of the text before and the text after gave.

    what: the function or root compared; inputs: in words ("as recorded", "x negated", "long, short, long again");
    outcome: "same" bit for bit, "close" within eager's own error, "differs", "refused" (the original raises there, and
    so does the rewritten one), "unable" (it could not be made or compared).
    """

    what: str
    inputs: str
    outcome: str
    detail: str = ""
    root: bool = False  # a whole call of a root, in which several cures may have a part


@dataclass(frozen=True, slots=True)
class Proof:
    """The evidence behind an offer."""

    trials: tuple[Trial, ...] = ()
    sides: tuple[tuple[Span, bool, bool], ...] = ()  # test, seen true, seen false
    notes: tuple[str, ...] = ()  # what could not be proved, a sentence each

    @property
    def wrong(self) -> tuple[Trial, ...]:
        """Comparisons that speak against the rewrite."""
        return tuple(trial for trial in self.trials if trial.outcome == "differs")

    @property
    def one_sided(self) -> tuple[Span, ...]:
        """Tests of which only one outcome was seen."""
        return tuple(test for test, yes, no in self.sides if not (yes and no))


@dataclass(frozen=True, slots=True)
class Counts:
    """What a run has of each, for before and after."""

    graphs: int
    breaks: int  # places, those hidden behind others with them
    recompiles: int


@dataclass(frozen=True, slots=True)
class Target:
    """A place that asks for a cure, as the report has it."""

    reason: str  # slug of a break's or a recompile's reason
    span: Span
    function: str
    headline: str
    mine: bool
    package: str | None = None
    kind: str = "break"  # or "recompile", or "root" for what is to be compiled


@dataclass(frozen=True, slots=True)
class Offer:
    """A cure that was tried: what it answers, its diff, and what speaks for it.

    diffs: (path, unified diff) of this cure alone. safety: after the proof. needs: numbers of other offers without
    which this one was not tried.
    """

    number: int  # from 1, as the person sees them
    targets: tuple[Target, ...]
    proposal: Proposal
    safety: Safety
    proof: Proof
    diffs: tuple[tuple[str, str], ...]
    needs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Alone:
    """A place that is left as it is, and why; `advice` is what a person could do."""

    target: Target
    why: tuple[str, ...]
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fixing:
    """All that `g2 fix` found out. `before` and `after` are measured, `after` with every offer in place."""

    argv: tuple[str, ...]
    cwd: str
    script: str  # absolute; empty for -m without a file
    before: Counts
    after: Counts
    offers: tuple[Offer, ...]
    alone: tuple[Alone, ...]
    files: tuple[tuple[str, str], ...]  # (path, sha256) of each file edited, as it was when it was read
    rounds: int = 0
    runs: int = 0  # of the script, the record not counted
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
