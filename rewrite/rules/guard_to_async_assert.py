"""`if bad: raise`, and `assert` with a computed message, on a tensor: where it is compiled, the graph checks."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._branches import asked, branch
from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._layout import call, joined, width
from g2.rewrite.rules._message import Message, message
from g2.rewrite.rules._pure import Effects
from g2.rewrite.rules._truth import Truth, flipped, truth
from g2.rewrite.site import Site


def propose(site: Site) -> Iterator[Proposal | Left]:
    found = branch(site)
    if isinstance(found, cst.Assert):
        raised: cst.Raise | None = None
    elif isinstance(found, cst.If):
        raised = _raise(found)
        if raised is None:
            return
        if found.orelse is not None:
            yield Left("the check has an `else`")
            return
    else:
        return
    kinds = asked(site)
    condition = truth(found.test, kinds)
    if condition is None:
        yield Left("what is checked is not a single truth of one tensor")
        return
    effects = Effects()
    effects.add(found.test, kinds)
    if effects.never or effects.raising:
        yield Left(f"what is checked does more than give a value: {next(iter({**effects.never, **effects.raising}))}")
        return
    said = message(raised, found.msg if isinstance(found, cst.Assert) else None, kinds)
    text = _text(found, condition, said, kinds)
    if text is None:
        yield Left("the assertion mixes Python values and a tensor")
        return
    kind = "AssertionError" if raised is None else said.exception
    type_ = "" if kind == "RuntimeError" else f" raises RuntimeError instead of {kind} where it is compiled, and"
    values = "" if said.whole else " The message lacks the values there."
    yield Proposal(
        rule="",
        summary="the check becomes part of the graph where it is compiled, and stays as it is in eager",
        safety=Safety.ASK,
        files=(FileEdits(site.source.path, (text,), kinds.names.imports),),
        tests=(site.piece.span(found.test),),
        caveat=f"A failing check{type_} is reported later on a GPU.{values}",
        differs=frozenset({"exception-type", "exception-time"}),
    )


def _raise(found: cst.If) -> cst.Raise | None:
    """The `raise` that is all a branch comes to, with assignments before it at most."""
    body = found.body.body
    small = [one for line in body for one in (line.body if isinstance(line, cst.SimpleStatementLine) else [line])]
    if not small or not isinstance(small[-1], cst.Raise):
        return None
    return small[-1] if all(isinstance(one, cst.Assign) for one in small[:-1]) else None


def _text(found: cst.If | cst.Assert, condition: Truth, said: Message, kinds: Kinds) -> Edit | None:
    piece, torch = kinds.site.piece, kinds.names.torch
    margin = piece.indent(found)
    plain = Truth(condition.text, condition.swapped, tight=condition.tight, sign=condition.sign)
    nested = bool(condition.python) and isinstance(found, cst.If)
    if isinstance(found, cst.Assert):
        if condition.mixed:
            return None
        holds = plain.plain()
    else:
        holds = (None if condition.mixed else flipped(found.test, kinds)) or plain.negated()
    column = len(margin) + (8 if nested else 4)
    check = call(f"{torch}._assert_async", [joined(holds), said.text], "", column, width(piece))
    if nested:
        check = "\n".join([f"if {' and '.join(condition.python)}:", *(f"    {line}" for line in check.split("\n"))])
    lines = [f"{margin}    {line}" for line in check.split("\n")]
    unless = f" and not ({' or '.join(condition.instead)})" if condition.instead else ""
    start, end = piece.bounds(found)
    original = piece.source.text[start:end].replace(piece.source.newline, "\n")
    above = piece.parent(found)
    if isinstance(found, cst.Assert):
        line = piece.statement(found)
        if not isinstance(line, cst.SimpleStatementLine) or len(line.body) > 1:
            return None
        kept = "\n".join(f"    {part}" if part.strip() else part for part in original.split("\n"))
        text = "\n".join([f"if {torch}.compiler.is_compiling():", *lines, f"{margin}else:", f"{margin}{kept}"])
        return Edit(start, end, text)
    follows = isinstance(above, cst.If) and above.orelse is found
    rest = original.removeprefix("el")
    text = "\n".join([f"if {torch}.compiler.is_compiling(){unless}:", *lines, f"{margin}el{rest}"])
    return Edit(start, end, f"el{text}" if follows else text)


_SCRIPT = """\
import torch

def step(x, most=4, weight=None):
    {guard}
    return x.sqrt()

compiled = torch.compile(step)
print(compiled(torch.ones(3)))
print(compiled(torch.ones(3), weight=torch.ones(3)))
try:
    step(torch.full((3,), 9.0))
    step(torch.ones(3), weight=-torch.ones(3))
except (ValueError, AssertionError) as error:
    print(type(error).__name__, error)
"""


def _script(guard: str) -> str:
    return _SCRIPT.replace("{guard}", guard.strip("\n").replace("\n", "\n    "))


RULE = Rule(
    title="a check that raises becomes part of the graph",
    answers=("tensor-branch", "data-dependent-answer", "check-message"),
    legal="""
        The branch does nothing but raise. In eager the lines stay as they are. Where they are compiled,
        torch._assert_async refuses the same input with the same message, as a RuntimeError; NaN is refused or accepted
        as before.
        """,
    safety=Safety.ASK,
    propose=propose,
    rank=5,
    examples=(
        Example(
            name="if and raise",
            before=_script("""
if x.max() > most or torch.isnan(x).any():
    raise ValueError("too large")
"""),
            after=_script("""
if torch.compiler.is_compiling():
    torch._assert_async(~((x.max() > most) | torch.isnan(x).any()), "too large")
elif x.max() > most or torch.isnan(x).any():
    raise ValueError("too large")
"""),
        ),
        Example(
            name="a Python condition decides whether the tensor is asked",
            before=_script("""
if weight is not None and (weight < 0).any():
    raise ValueError(f"a weight is negative, {most} are allowed: {weight}")
"""),
            after=_script("""
if torch.compiler.is_compiling():
    if weight is not None:
        torch._assert_async(
            ~(weight < 0).any(),
            "a weight is negative, {most} are allowed: {weight}",
        )
elif weight is not None and (weight < 0).any():
    raise ValueError(f"a weight is negative, {most} are allowed: {weight}")
"""),
        ),
        Example(
            name="assert with a computed message",
            before=_script("""
assert (x < 5).all(), "x has {}".format(x.max())  # of x
"""),
            after=_script("""
if torch.compiler.is_compiling():
    torch._assert_async((x < 5).all(), "x has {}")
else:
    assert (x < 5).all(), "x has {}".format(x.max())  # of x
"""),
        ),
    ),
    negatives=(
        Negative(
            name="the branch does more than raise",
            script=_script("""
if x.max() > most:
    print(x)
    raise ValueError("too large")
"""),
        ),
        Negative(
            name="the check is computed with a side effect",
            script=_script("""
if x.clone().add_(1).max() > 99:
    raise ValueError("too large")
"""),
        ),
        Negative(
            name="it has an else",
            script=_script("""
if x.max() > 99:
    raise ValueError("too large")
else:
    x = x + 1
"""),
        ),
        Negative(
            name="the values at the place are no truth of one tensor",
            script=_script("""
if [x.max() > 99]  == [1]:
    raise ValueError("too large")
"""),
        ),
    ),
)
