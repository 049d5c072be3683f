"""What a recompile says and what to do about it."""

from __future__ import annotations

from g2.capture.model import Guard, Recompile, Session
from g2.explain.recompile_reason import RecompileReason, recompile_reasons
from g2.explain.report import RecompileFinding

_SHOWN = 6  # values in a headline
_LIMIT = "recompile-limit"
_FROM_A_BREAK = (
    "A value without a name was computed before a graph break, and given on behind it: this goes away with that break."
)
_NO_NAME = "A value without a name is computed in the function: what it is computed from has changed."
_STATE = {"value", "attribute", "keys", "length", "identity", "type"}


def explain_recompile(recompile: Recompile, session: Session) -> RecompileFinding:
    """The reason, a headline with the values seen, and the steps for every guard that changed.

    Never raises on odd values.
    """
    reasons = recompile_reasons()
    judged = sorted(
        ((guard, reason_of(guard)) for guard in recompile.guards),
        key=lambda pair: (_unnamed(pair[0]), pair[1].rank, -len(pair[0].values)),
    )
    if not judged:
        last = reasons[_LIMIT] if recompile.limit_hit else reasons["unknown-guard"]
        return RecompileFinding(recompile, last.slug, _limited(recompile, last.title), _paragraphs(last))
    guard, reason = judged[0]
    more = len(judged) - 1
    line = headline(guard) + (f", and {more} other value{'s' if more > 1 else ''} with it" if more else "")
    steps: dict[str, None] = {}
    library = not recompile.owner.mine and recompile.owner.package != "torch"  # nn.Sequential is the person's choice
    for each, its in judged[:1] if reason.whole else judged:
        if library and each.source.startswith("self.") and each.kind in _STATE:
            continue  # the library's own state: nobody can change how it is kept
        if _unnamed(each):
            steps.setdefault(_FROM_A_BREAK if session.breaks else _NO_NAME)
            continue
        steps.update(dict.fromkeys(its.advise(each, recompile, session)))
    if library:
        steps.update(dict.fromkeys(_outside(recompile, reason)))
    if recompile.limit_hit:
        steps.update(dict.fromkeys(_at_limit(recompile)))
    return RecompileFinding(recompile, reason.slug, _limited(recompile, line), tuple(steps))


def _unnamed(guard: Guard) -> bool:
    """A value on the stack where a function was cut: guard_names.py describes it in brackets."""
    return guard.source.startswith("(")


def reason_of(guard: Guard) -> RecompileReason:
    """The kind of change that a guard shows."""
    return next((r for r in recompile_reasons().values() if r.claims(guard)), recompile_reasons()["unknown-guard"])


def headline(guard: Guard) -> str:
    """One guard in a line: "x.size(1) changed: 5, 1, 2"."""
    values = guard.values or (guard.old, guard.new)
    shown = ", ".join(values[:_SHOWN]) + (", ..." if len(values) > _SHOWN else "")
    match guard.kind:
        case "size" | "stride" if guard.dim is not None:
            return f"{guard.source}.{guard.kind}({guard.dim}) changed: {shown}"
        case "size" | "stride" | "rank":
            return f"the {guard.kind} of {guard.source} changed: {shown}"
        case "dtype" | "device" | "requires_grad":
            return f"{guard.source}.{guard.kind} changed: {shown}"
        case "length":
            return f"len({guard.source}) changed: {shown}"
        case "keys":
            return f"the keys of {guard.source} changed: {shown}"
        case "attribute":
            return f"{guard.source} is {guard.new} now, and was {guard.old}"
        case "shape-relation":
            return f"{guard.source} does not hold any more: {guard.new}"
        case "aliasing":
            return f"{guard.source}: {guard.old} before, {guard.new} now"
        case "identity":
            return f"{guard.source} is another object: {shown}"
        case _:
            return f"{guard.source} changed: {shown}"


def _limited(recompile: Recompile, line: str) -> str:
    if not recompile.limit_hit:
        return line
    calls = recompile.eager_calls
    ran = f"; {calls} call{'s' if calls != 1 else ''} ran in eager" if calls else ""
    return f"{line} (recompile limit{f' of {recompile.limit}' if recompile.limit else ''} hit{ran})"


def _outside(recompile: Recompile, reason: RecompileReason) -> tuple[str, ...]:
    package = recompile.owner.package or "a library"
    version = f" {recompile.owner.version}" if recompile.owner.version else ""
    name = recompile.function.rpartition(".")[2]
    said = reason.outside or (
        f"You cannot change it there. When the value has to change, keep the function out of the graph: wrap it in "
        f"torch.compiler.disable before compiling, so that what calls it breaks there and {name} runs in eager."
    )
    return (f"{recompile.function} belongs to {package}{version}. {said}",)


def _at_limit(recompile: Recompile) -> tuple[str, ...]:
    limit = recompile.limit or 8
    return (
        f"After {limit} compilations Dynamo compiles this function no more: a call that fits none of "
        "them runs in eager, without a word. "
        "Remove the cause above; when every variant is wanted and there are only a few of them, raise the limit:\n\n"
        f"    torch._dynamo.config.recompile_limit = {max(2 * limit, 16)}",
    )


def _paragraphs(reason: RecompileReason) -> tuple[str, ...]:
    return (reason.instead,)
