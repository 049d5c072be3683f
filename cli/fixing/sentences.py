"""What a fix came to, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from g2.cli.text import listing, plural, relative, seconds
from g2.rewrite.apply import Applied
from g2.rewrite.model import Alone, Counts, Fixing, Offer, Proof, Safety

AGREE = ("same", "close", "refused")
_MEANINGS = {
    Safety.SAFE: "SAFE does what the code did, as far as could be compared",
    Safety.ASK: "ASK may differ, as its But says",
    Safety.SHOW: "SHOW is yours to decide",
}
COMPILED = ", compiled"  # how the inputs of a comparison with compiled code end


def headline(offers: Sequence[Offer], alone: Sequence[Alone], left_out: int) -> str:
    """The first line: how many places can be cured, and how far that may be trusted."""
    if not offers and not alone:
        return f"Nothing of what was asked for; {plural(left_out, 'other place')}." if left_out else "Nothing to fix."
    cured = sum(len(offer.targets) for offer in offers)
    places = cured + len(alone)
    if not offers:
        return "The one place is left as it is" if places == 1 else f"All {places} places are left as they are"
    kinds = [f"{n} {kind.value.upper()}" for kind in Safety if (n := sum(offer.safety is kind for offer in offers))]
    of = f"{plural(cured, 'place')}" if cured == places else f"{cured} of {places} places"
    return f"{plural(len(offers), 'rewrite')} for {of}: {', '.join(kinds)}"


def legend(offers: Sequence[Offer], written: bool) -> str:
    """What the words of safety mean that are on the screen, and whether anything is written; empty without offers."""
    kinds = {offer.safety for offer in offers}
    parts = [meaning for kind, meaning in _MEANINGS.items() if kind in kinds]
    if not parts:
        return ""
    return "; ".join(parts) + ("." if written else ". Nothing is written yet.")


def gained(before: Counts, after: Counts, arrow: str) -> list[str]:
    """Graphs, breaks and recompiles before and after; what stays the same once."""
    pairs = (
        ("graphs", before.graphs, after.graphs),
        ("breaks", before.breaks, after.breaks),
        ("recompiles", before.recompiles, after.recompiles),
    )
    return [
        f"{name} {one}" if one == other else f"{name} {one} {arrow} {other}"
        for name, one, other in pairs
        if one or other
    ]


def effort(fixing: Fixing) -> list[str]:
    """What the search took."""
    return [plural(fixing.rounds, "round"), f"{plural(fixing.runs, 'run')} of the script", seconds(fixing.seconds)]


def proved(proof: Proof) -> str:
    """The evidence for a rewrite in one line."""
    agree = [trial for trial in proof.trials if trial.outcome in AGREE]
    if not agree:
        return "nothing could be compared"
    inputs = {trial.inputs.removesuffix(COMPILED) for trial in agree}
    counted = f"{plural(len(agree), 'comparison')} over {plural(len(inputs), 'input')}"
    parts = [f"{counted} {'agrees' if len(agree) == 1 else 'agree'} in results, gradients and side effects"]
    if close := sum(trial.outcome == "close" for trial in agree):
        parts.append(f"{close} of them within the error that eager itself has")
    if proof.sides:
        tests, one_sided = len(proof.sides), len(proof.one_sided)
        if one_sided:
            of = "the branch" if tests == 1 else f"{one_sided} of {tests} branches"
            reached = any(yes or no for _, yes, no in proof.sides)
            parts.append(f"only one side of {of} was taken" if reached else f"{of} was not reached")
        else:
            of = "the branch" if tests == 1 else f"all {tests} branches"
            parts.append(f"both sides of {of} were taken")
    if any(trial.inputs.endswith(COMPILED) for trial in agree):
        parts.append("compiled agrees")
    if unable := sum(trial.outcome == "unable" for trial in proof.trials):
        parts.append(f"{unable} could not be made")
    return "; ".join(parts)


def written(applied: Applied, cwd: str) -> list[str]:
    """What was written, a sentence each."""
    lines = [f"Written: {names(applied.written, cwd)}."] if applied.written else []
    lines += [f"Removed: {names(applied.removed, cwd)}."] if applied.removed else []
    return [*(lines or ["Nothing was written."]), *applied.notes]


def names(paths: Iterable[str], cwd: str) -> str:
    """Files in a sentence: "model.py, train.py and 3 more"."""
    shown = [relative(path, cwd) for path in paths]
    return listing(shown if len(shown) <= 6 else [*shown[:5], f"{len(shown) - 5} more"])


def next_step(offers: Sequence[Offer], alone: Sequence[Alone], applied: Sequence[int], words: str) -> str:
    """What to type next; `words` are the options and the script that chose the offers."""
    open_ = [offer for offer in offers if offer.number not in applied]
    if applied:
        return "`g2 fix --undo` takes it back."
    if any(offer.safety is Safety.SAFE for offer in open_):
        more = "; `--unsafe` adds what is ASK" if any(offer.safety is Safety.ASK for offer in open_) else ""
        return f"`g2 fix --apply{words}` writes what is SAFE{more}."
    if any(offer.safety is Safety.ASK for offer in open_):
        return f"`g2 fix --apply --unsafe{words}` writes what is ASK; read its caveats first."
    reasons = [one.target.reason for one in alone if one.target.kind != "root"]
    return f"`g2 why {reasons[0]}` explains the first." if reasons and not offers else ""
