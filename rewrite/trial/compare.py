"""Did two calls do the same? In words, where they did not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from g2.rewrite.trial.compare_leaves import Judge
from g2.rewrite.trial.compare_told import told_differences
from g2.rewrite.trial.deeds import Outcome, Raised

# A tensor that cannot become one Python value: code that keeps it a tensor has nothing to refuse there. A program does
# not validate its inputs so; what it raises itself is always compared.
_NO_VALUE = re.compile(
    r"Boolean value of Tensor with (more than one|no) value"
    r"|cannot be converted to Scalar"
    r"|only (one element|single-element|integer) tensors? .*can be converted"
    r"|cannot convert float (NaN|infinity) to integer"
    r"|support the deepcopy protocol"
)
_NO_SIZE = "cannot reshape tensor of 0 elements"
_NO_GRADIENT = (
    "functions with out=... arguments don't support automatic differentiation",
    "Can't call numpy() on Tensor that requires grad",
)


def compare(
    old: Outcome,
    new: Outcome,
    reference: Outcome | None = None,
    differs: frozenset[str] = frozenset(),
    shaken: Outcome | None = None,
) -> tuple[str, str]:
    """("same" | "close" | "refused" | "differs", the first difference in plain words).

    "same": bit for bit, NaN at the same places. "close": numbers differ by no more than rounding does, `tolerance.py`
    has the rule. "refused": both raise the same. reference: the old code's outcome in float64, shaken: the same from
    inputs that differ in the last place, see `precise.py`.

    differs: the named differences that are not held against the new text: "random" (the state of the random streams
    after the call; values, where they end in another state), "exception-type", "exception-message", "exception-time"
    (what was done before it was raised), "warning-text", "zero-gradient" (zeros where a parameter had no gradient),
    "aliasing" (results that no longer share memory), "index-error" (one of torch's is not raised),
    "empty-view" (torch's own, that it cannot infer a size of an empty tensor, is not raised),
    "gradient-refused" (torch's own, that it does not differentiate `out=` or NumPy, is not raised),
    "filled:NAME" (what is held under that name).
    """
    if old.raised is not None or new.raised is not None:
        return _refused(old, new, differs)
    judge = _judge(old, new, reference, shaken, differs)
    for words in _differences(judge, differs):
        return "differs", words
    detail = "; ".join([*judge.close[:1], *dict.fromkeys(judge.notes)])
    return ("close" if judge.close else "same"), detail


def _judge(
    old: Outcome, new: Outcome, reference: Outcome | None, shaken: Outcome | None, differs: frozenset[str]
) -> Judge:
    elsewhere = old.random != new.random
    return Judge(old, new, reference, shaken, differs, values=not (elsewhere and "random" in differs))


def _differences(judge: Judge, differs: frozenset[str]) -> Iterator[str]:
    yield from judge.outputs()
    yield from judge.gradients()
    yield from _effects(judge, differs)


def _effects(judge: Judge, differs: frozenset[str]) -> Iterator[str]:
    old, new = judge.old, judge.new
    yield from judge.arguments()
    yield from judge.state()
    yield from told_differences(old.told, new.told, "warning-text" not in differs, judge.values)
    if "random" not in differs:
        after = {name: digest for name, _, digest in new.random}
        for name, _, digest in old.random:
            if after.get(name) != digest:
                yield f"the random stream of {name} is left in another state"
    settings = dict(new.modes)
    for name, value in old.modes:
        if settings.get(name) != value:
            yield f"{name} is left at {settings.get(name)}, was left at {value}"


def _refused(old: Outcome, new: Outcome, differs: frozenset[str]) -> tuple[str, str]:
    if old.raised is None:
        assert new.raised is not None
        return "differs", f"raises {_said(new.raised)}, did not"
    if new.raised is None:
        unfound = "index-error" in differs and old.raised.type.rpartition(".")[2] == "IndexError"
        unsized = "empty-view" in differs and _NO_SIZE in old.raised.message
        flowing = "gradient-refused" in differs and any(said in old.raised.message for said in _NO_GRADIENT)
        if not old.raised.deliberate and (unfound or unsized or flowing or _NO_VALUE.search(old.raised.message)):
            return "refused", f"only the original raises {_said(old.raised)}"
        return "differs", f"does not raise {_said(old.raised)}, did"
    if old.raised.type != new.raised.type and "exception-type" not in differs:
        return "differs", f"raises {_said(new.raised)}, raised {_said(old.raised)}"
    # Where torch or a builtin refuses its operands, the inputs are outside of what the program is made for, and the
    # words are of whichever operation came first.
    if old.raised.message != new.raised.message and old.raised.deliberate and "exception-message" not in differs:
        return "differs", f"raises {_said(new.raised)}, raised {_said(old.raised)}"
    if old.raised.deliberate and "exception-time" not in differs:
        for words in _effects(_judge(old, new, None, None, differs), differs):
            return "differs", f"before {_said(old.raised)} is raised: {words}"
    return "refused", f"raises {_said(old.raised)}"


def _said(raised: Raised) -> str:
    message = raised.message.strip().splitlines()[0] if raised.message.strip() else ""
    kind = raised.type.rpartition(".")[2]
    return f"{kind} ({message if len(message) <= 120 else message[:120] + '...'})" if message else kind
