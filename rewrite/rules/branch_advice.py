"""What a person can do where a tensor decides what Python does next, and no rewrite keeps the meaning."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import Left, Proposal, Safety
from g2.rewrite.rule import Negative, Rule
from g2.rewrite.rules._branches import branch
from g2.rewrite.rules._kinds import dotted
from g2.rewrite.rules._layout import joined
from g2.rewrite.rules._names import nodes
from g2.rewrite.rules._qualified import functional
from g2.rewrite.rules._while_loop import while_loop
from g2.rewrite.site import Site


def propose(site: Site) -> Iterator[Proposal | Left]:
    found = branch(site)
    if found is None:
        return
    test = joined(site.piece.code(found.test))
    advice = _advice(found, test, site)
    if advice:
        what, *lines = advice
        told = "\n".join([f"{what[0].upper()}{what[1:]}:\n", *(f"    {line}" for line in lines)])
        yield Proposal(rule="", summary=what, safety=Safety.SHOW, files=(), advice=(told,))


def _advice(found: cst.CSTNode, test: str, site: Site) -> tuple[str, ...]:
    """A sentence, and lines of code."""
    if isinstance(found, cst.While):
        if lines := while_loop(found, site):
            return (
                "let torch.while_loop run the loop: shapes and dtypes stay the same, and what counts is a tensor",
                *lines,
            )
        return (
            "run a fixed number of steps and keep a mask of what is not finished",
            "for _ in range(most):",
            f"    going = {test}",
            "    x = torch.where(going, step(x), x)  # for every tensor that the loop changes",
        )
    if not isinstance(found, cst.If):
        return ()
    if _ends(found, cst.Break):
        return (
            "run every step and keep a mask of what is finished",
            "done = torch.zeros((), dtype=torch.bool, device=x.device)  # before the loop",
            f"done = done | ({test})  # instead of the branch",
            "x = torch.where(done, x, new)  # for every tensor that the loop changes",
        )
    if _ends(found, cst.Return) and _kept(found.test):
        return (
            "do once in eager what is done only once, and branch on a Python bool from then on",
            "model(first_batch)  # in eager, before torch.compile",
            f"self.is_ready = bool({test})  # in eager, where the state is made or loaded",
            "if self.is_ready: ...  # instead of the branch",
        )
    function = site.piece.function
    if function is not None and _compares_kept(found.test) and (_ends(found, cst.Return) or _for_effect(found)):
        return (
            "do between the compiled calls, in eager, what is due only now and then",
            "if step % interval == 0:  # a Python number, in the loop around the compiled calls",
            f"    module.{function.name.value}()",
        )
    mask = _any_of(found.test, site)
    if mask is not None and (_ends(found, cst.Return) or _for_effect(found)):
        here = joined(site.piece.code(mask))
        return (
            "write the state in every call, and let the mask say which elements change",
            "new = ...  # what would be written, computed for all elements",
            f"state.copy_(torch.where({here}, new, state))  # for every tensor that the branch changes",
        )
    written = {dotted(one.func) for one in nodes(found.body) if isinstance(one, cst.Call)}
    if any(name == "print" or name.startswith(("warnings.", "log")) or "warn" in name for name in written):
        return (
            "hand the condition out of the compiled function, and report behind it",
            f"odd = {test}  # a tensor, returned with the result",
            "result, odd = compiled(x)",
            "if odd: ...  # the report, in eager",
        )
    return ()


def _ends(found: cst.If, kind: type[cst.BaseSmallStatement]) -> bool:
    """Whether the branch ends with a statement of that kind, which gives no value."""
    last = found.body.body[-1] if found.body.body else None
    small = last.body[-1] if isinstance(last, cst.SimpleStatementLine) else last
    return isinstance(small, kind) and getattr(small, "value", None) is None


def _for_effect(found: cst.If) -> bool:
    """Whether the branch, which has no other way, does nothing but call: what it calls changes something."""
    lines = [one.body for one in found.body.body if isinstance(one, cst.SimpleStatementLine)]
    small = [part for line in lines for part in line]
    return (
        found.orelse is None
        and len(lines) == len(found.body.body)
        and all(isinstance(part, cst.Expr) and isinstance(part.value, cst.Call) for part in small)
        and not any(dotted(one.func) == "print" for one in nodes(found.body) if isinstance(one, cst.Call))
    )


def _any_of(test: cst.BaseExpression, site: Site) -> cst.BaseExpression | None:
    """m of `m.any()`, `torch.any(m)` and their opposites."""
    test = _plain(test)
    if not isinstance(test, cst.Call):
        return None
    if functional(site.source, test.func) == "any":
        return test.args[0].value if len(test.args) == 1 else None
    asks = isinstance(test.func, cst.Attribute) and test.func.attr.value == "any" and not test.args
    return test.func.value if asks and isinstance(test.func, cst.Attribute) else None


def _kept(test: cst.BaseExpression) -> bool:
    """Whether an attribute of the module is asked."""
    return dotted(_plain(test)).startswith("self.")


def _compares_kept(test: cst.BaseExpression) -> bool:
    """Whether an attribute of the module, a counter maybe, is compared with something."""
    return any(
        dotted(part).startswith("self.")
        for node in nodes(test) if isinstance(node, cst.Comparison)
        for part in (node.left, *(one.comparator for one in node.comparisons))
    )  # fmt: skip


def _plain(test: cst.BaseExpression) -> cst.BaseExpression:
    while isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        test = test.expression
    return test


RULE = Rule(
    title="advice for a branch that stays",
    answers=("tensor-branch", "data-dependent-answer"),
    legal="Nothing is rewritten: the program has to be laid out in another way, which only a person can judge.",
    safety=Safety.SHOW,
    propose=propose,
    rank=90,
    examples=(),
    negatives=(
        Negative(
            name="the branch has a rewrite",
            script="""\
import torch

@torch.compile
def step(x):
    y = x + 1 if x.sum() > 0 else x - 1
    return y

step(torch.ones(3))
""",
        ),
    ),
)
