"""`if` on a tensor with something made the first time it is needed: it is made before, and torch.where selects."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._again import overwritten
from g2.rewrite.rules._branches import asked, branch
from g2.rewrite.rules._choice import Notes, Refused
from g2.rewrite.rules._kinds import Kinds, dotted
from g2.rewrite.rules._layout import call, comments, width
from g2.rewrite.rules._mixed import body
from g2.rewrite.rules._names import nodes
from g2.rewrite.rules._pure import Effects
from g2.rewrite.rules._shared import shared
from g2.rewrite.rules._truth import truth
from g2.rewrite.rules._update import Update
from g2.rewrite.rules._updates import merged, updates
from g2.rewrite.site import Site

_ALIAS = "The buffer is a tensor of its own, and no longer the one that was chosen."


def propose(site: Site) -> Iterator[Proposal | Left]:
    found = branch(site)
    if not isinstance(found, cst.If) or not isinstance(found.orelse, cst.Else):
        return
    kinds, notes = asked(site), Notes()
    sides = [_split(one, kinds) for one in (found.body, found.orelse.body)]
    made = {name: lazy for lazies, _ in sides for name, lazy in lazies}
    if not made:
        return
    try:
        text = _text(found, sides, list(made.values()), kinds, notes)
    except Refused as refusal:
        yield Left(str(refusal))
        return
    names = " and ".join(f"`self.{name}`" for name in made)
    yield Proposal(
        rule="",
        summary="what is made when it is first needed is made before the branch, which becomes torch.where",
        safety=Safety.ASK,
        files=(FileEdits(site.source.path, (site.piece.replace(found, text),), kinds.names.imports),),
        tests=(site.piece.span(found.test),),
        caveat=" ".join([f"{names} is made at the first call, whichever way is taken.", _ALIAS, *notes.caveats]),
        differs=frozenset({"made-early", "aliasing", *notes.differs}),
    )


def _text(
    found: cst.If,
    sides: list[tuple[list[tuple[str, cst.If]], cst.IndentedBlock]],
    made: list[cst.If],
    kinds: Kinds,
    notes: Notes,
) -> str:
    piece, condition = kinds.site.piece, truth(found.test, kinds)
    if condition is None or condition.mixed:
        raise Refused("the condition is not a single truth of one tensor")
    for one in made:
        _legal(one, kinds)
    then, other = (updates(block, kinds, notes) for _, block in sides)
    chosen = merged(condition, then, other, kinds, notes, found)
    for update in chosen:
        shared(update, found, kinds)
        overwritten(update, found, kinds)
    if sum("where(" in update.value.text for update in chosen) != 1:
        raise Refused("the branch does not choose one value")
    lines: list[str] = []
    for one in made:
        lines += [line.removeprefix("    ") for line in body(cst.IndentedBlock([one]), piece)]
    kept = [line for line in comments(piece, found) if not any(line in above for above in lines)]
    return "\n".join([*lines, *kept, *(_line(update, len(piece.indent(found)), width(piece)) for update in chosen)])


def _line(update: Update, column: int, limit: int) -> str:
    """The update as a statement at a column; the arguments of a call stand below each other where it is too long."""
    head, tail = update.pieces()
    line = f"{head}{update.value.text}{tail}"
    if column + len(line) <= limit or not head.endswith(("(", ", ")):
        return line
    made, code = cst.parse_expression(line), cst.Module([]).code_for_node
    if not isinstance(made, cst.Call):
        return line
    arguments = [code(one.with_changes(comma=cst.MaybeSentinel.DEFAULT)) for one in made.args]
    return call(code(made.func), arguments, "", column, limit)


def _split(suite: cst.BaseSuite, kinds: Kinds) -> tuple[list[tuple[str, cst.If]], cst.IndentedBlock]:
    """What a block makes the first time, with the attribute's name, and the block without it."""
    lazies, rest = list[tuple[str, cst.If]](), list[cst.BaseStatement]()
    for one in suite.body:
        name = _made(one) if isinstance(one, cst.If) and not rest else ""
        if isinstance(one, cst.If) and name:
            lazies.append((name, one))
        elif isinstance(one, cst.BaseStatement):
            rest.append(one)
    return lazies, cst.IndentedBlock(rest)


def _made(found: cst.If) -> str:
    """The attribute that `if not hasattr(self, "name"): self.name = ...` makes; empty when it is not that."""
    match found.test:
        case cst.UnaryOperation(
            operator=cst.Not(),
            expression=cst.Call(
                func=cst.Name("hasattr"),
                args=[cst.Arg(value=cst.Name("self")), cst.Arg(value=cst.SimpleString() as text)],
            ),
        ):
            name = str(text.raw_value)
        case _:
            return ""
    if found.orelse is not None or len(found.body.body) != 1:
        return ""
    line = found.body.body[0]
    only = line.body[0] if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 else None
    if not isinstance(only, cst.Assign) or len(only.targets) != 1:
        return ""
    target = only.targets[0].target
    parts = [element.value for element in target.elements] if isinstance(target, cst.Tuple) else [target]
    written = [dotted(part) for part in parts]
    return name if [one for one in written if one != "_"] == [f"self.{name}"] else ""


def _legal(made: cst.If, kinds: Kinds) -> None:
    effects = Effects()
    for one in nodes(made.body):
        if isinstance(one, cst.Assign):
            effects.add(one.value, kinds)
    for clause in (*effects.never, *effects.raising):
        raise Refused(f"what is made the first time must not be made in vain: {clause}")
    if effects.draws:
        raise Refused("what is made the first time draws random numbers")


def _script(branches: str, more: str = "") -> str:
    lines = "\n".join(f"        {line}" if line else "" for line in branches.strip("\n").split("\n"))
    return f"""\
import torch

def longer(size):
    return torch.arange(1, size + 1) / 2

class Rotary(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.arange(1, 5) / 4, persistent=False)
        self.short = self.scale

    def forward(self, x, positions):
        last = positions.max() + 1
{lines}
        return x * self.scale

torch.manual_seed(0)
net = Rotary()
for length in (3, 9, 3):
    print(net(torch.ones(2, 4), torch.arange(12) % length))
"""


_BEFORE = _script("""
if last > 4:
    if not hasattr(self, "long"):
        self.long = longer(4)
    self.register_buffer("scale", self.long, persistent=False)
else:
    # it may have been moved
    self.short = self.short.to(x.device)
    self.register_buffer("scale", self.short, persistent=False)
""")

RULE = Rule(
    title="a branch that makes something the first time becomes torch.where",
    answers=("tensor-branch", "data-dependent-answer"),
    legal="""
        A branch begins with `if not hasattr(self, ...)`, whose only statement gives that attribute a value, which only
        is computed. What is left of the branches gives one value each to the same name or buffer.
        """,
    safety=Safety.ASK,
    propose=propose,
    rank=9,
    examples=(
        Example(
            name="long and short frequencies",
            before=_BEFORE,
            after=_script("""
if not hasattr(self, "long"):
    self.long = longer(4)
# it may have been moved
self.short = self.short.to(x.device)
self.register_buffer(
    "scale",
    torch.where(last > 4, self.long, self.short),
    persistent=False,
)
"""),
        ),
    ),
    negatives=(
        Negative(
            name="it prints when it is made",
            script=_script("""
if last > 4:
    if not hasattr(self, "long"):
        self.long = print("made") or longer(4)
    self.register_buffer("scale", self.long, persistent=False)
else:
    self.register_buffer("scale", self.short, persistent=False)
"""),
        ),
        Negative(
            name="one branch alone registers a buffer",
            script=_script("""
if last > 4:
    if not hasattr(self, "long"):
        self.long = longer(4)
    self.register_buffer("scale", self.long, persistent=False)
else:
    x = x + 1
"""),
        ),
        Negative(
            name="it is drawn",
            script=_script("""
if last > 4:
    if not hasattr(self, "long"):
        self.long = torch.rand(4)
    self.register_buffer("scale", self.long, persistent=False)
else:
    self.register_buffer("scale", self.short, persistent=False)
"""),
        ),
    ),
)
