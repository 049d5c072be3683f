"""The rest of a loop's body that a tensor may skip: torch.cond around the call that it comes to."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import libcst as cst

from g2.rewrite.model import FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._branches import asked, branch
from g2.rewrite.rules._choice import Refused
from g2.rewrite.rules._kinds import Kinds
from g2.rewrite.rules._names import bindings, nodes
from g2.rewrite.rules._pure import Effects
from g2.rewrite.rules._scope import bound, flow, inside, reads
from g2.rewrite.rules._shared import writes
from g2.rewrite.rules._truth import truth
from g2.rewrite.rules._ways import Held, Way
from g2.rewrite.site import Site

_CAVEAT = (
    "torch.cond traces the step in eager too, so it may not break the graph nor change what it is given. Parameters of "
    "a step that is skipped get a gradient of zeros, instead of none."
)
_Block = list[cst.BaseStatement]


def propose(site: Site) -> Iterator[Proposal | Left]:
    found = branch(site)
    if not isinstance(found, cst.If) or found.orelse is not None:
        return
    loop, outer, rest = _loop(found, site)
    if loop is None or outer is found or not rest:
        return
    kinds = asked(site)
    try:
        text = _text(found, loop, rest, kinds)
    except Refused as refusal:
        yield Left(str(refusal))
        return
    yield Proposal(
        rule="",
        summary="the step that may be skipped goes into torch.cond; other settings go the way they went",
        safety=Safety.ASK,
        files=(FileEdits(site.source.path, (site.piece.replace(found, text),), kinds.names.imports),),
        tests=(site.piece.span(found.test),),
        caveat=_CAVEAT,
        differs=frozenset({"zero-gradient"}),
    )


def _text(found: cst.If, loop: cst.For | cst.While, rest: _Block, kinds: Kinds) -> str:
    piece, torch = kinds.site.piece, kinds.names.torch
    condition = truth(found.test, kinds)
    if condition is None or condition.mixed:
        raise Refused("the condition is not a single truth of one tensor")
    constants = _constants(found, loop, kinds.site)
    skip, step = (Way(kinds.site, kinds, constants=constants) for _ in range(2))
    if not skip.follow(list(found.body.body)):
        skip.follow(rest)
    step.follow(rest)
    target, held = _target(skip, step, _wanted(loop, kinds.site))
    _legal(target, held, found, kinds)
    guards = " or ".join({**skip.guards, **step.guards})
    if not guards:
        raise Refused("nothing but the tensor decides, and the rest would never be reached")
    start, end = piece.bounds(found)
    margin = piece.indent(found)
    old = piece.source.text[start:end].replace(piece.source.newline, "\n").replace(f"\n{margin}", "\n")
    predicate = " ".join(condition.plain().split())
    functions = [f"lambda: {target}.clone()", f"lambda: {held.text}"]
    arguments = "\n".join(f"{one}," for one in (predicate, *functions))
    made = f"{target} = {torch}.cond(\n{_deeper(arguments)}\n)\ncontinue"
    return f"if {guards}:\n{_deeper(old)}\nelse:\n{_deeper(made)}"


def _deeper(text: str) -> str:
    return "\n".join(f"    {line}" if line.strip() else "" for line in text.split("\n"))


def _loop(found: cst.If, site: Site) -> tuple[cst.For | cst.While | None, cst.BaseStatement, _Block]:
    """The loop around an `if`, the statement of its body that holds the `if`, and what comes behind the `if` in it."""
    piece, rest = site.piece, list[cst.BaseStatement]()
    outer: cst.BaseStatement = found
    while True:
        block = piece.parent(outer)
        above = piece.parent(block) if block is not None else None
        if isinstance(above, cst.Else):
            above = piece.parent(above)
        if not isinstance(block, cst.IndentedBlock) or not isinstance(above, (cst.If, cst.For, cst.While)):
            return None, outer, rest
        place = [one is outer for one in block.body].index(True)
        rest += block.body[place + 1 :]
        if not isinstance(above, cst.If):
            return (above if above.orelse is None and above.body is block else None), outer, rest
        outer = above


def _constants(found: cst.If, loop: cst.For | cst.While, site: Site) -> dict[str, bool]:
    """Names to which the loop's body gives True or False, and nothing else before the `if`."""
    piece, known = site.piece, dict[str, bool]()
    here = piece.bounds(found)[0]
    for statement in loop.body.body:
        if piece.bounds(statement)[0] >= here:
            break
        only = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
        if isinstance(only, cst.Assign) and isinstance(only.value, cst.Name) and len(only.targets) == 1:
            target, value = only.targets[0].target, {"True": True, "False": False}.get(only.value.value)
            if isinstance(target, cst.Name) and value is not None:
                before = [one for one in bindings(piece, loop, target.value) if piece.bounds(one)[0] < here]
                if len(before) == 1:
                    known[target.value] = value
    return known


def _wanted(loop: cst.For | cst.While, site: Site) -> set[str]:
    """Names that are read in the next turn of the loop, or outside of it."""
    line = site.piece.span(loop).line
    for node in ast.walk(site.source.tree):
        if isinstance(node, (ast.For, ast.While)) and node.lineno == line:
            targets = bound([node.target]) if isinstance(node, ast.For) else set()
            wanted = flow(node.body, targets)[0]
            for function in ast.walk(site.source.tree):
                if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) and any(
                    one is node for one in inside(function.body)
                ):
                    within = {id(one) for one in ast.walk(node)}
                    names = [one for one in ast.walk(function) if isinstance(one, ast.Name)]
                    wanted |= reads(one for one in names if id(one) not in within)
            return wanted
    raise Refused("the loop is not found")


def _target(skip: Way, step: Way, wanted: set[str]) -> tuple[str, Held]:
    """The only name that is wanted later and given a value, and its value where the step is taken."""
    if any(name in wanted for name in skip.held):
        raise Refused("values are made where the step is skipped, too")
    made = [name for name in step.held if name in wanted]
    if len(made) != 1:
        raise Refused("more than one value is made behind it" if made else "nothing that is made behind it is used")
    held = step.held[made[0]]
    for name, other in step.held.items():
        calls = any(isinstance(one, cst.Call) for part in other.parts for one in nodes(part))
        if calls and (name != made[0] and held.parts.count(other.node) != 1):
            raise Refused(f"`{name}` is computed behind it, and not used once")
    return made[0], held


def _legal(target: str, held: Held, found: cst.If, kinds: Kinds) -> None:
    old = kinds.bound.get(target)
    if old is None or not old.tensor:
        raise Refused(f"it is not known that `{target}` is a tensor before the step")
    effects = Effects()
    for part in held.parts:
        effects.add(part, kinds)
    if effects.never:
        raise Refused(f"the step must only compute: {next(iter(effects.never))}")
    if not effects.modules and not effects.perhaps:
        raise Refused("what would be skipped is cheap")
    where = writes(target, kinds, found)
    if where is not None:
        raise Refused(f"`{kinds.site.piece.code(where)}` changes `{target}` in place, and another name may share it")


def _script(body: str, last: str = "return x, seen") -> str:
    lines = "\n".join(f"            {line}" if line else "" for line in body.strip("\n").split("\n"))
    return f"""\
import torch

class Layer(torch.nn.Linear):
    def forward(self, x, scale=None):
        return super().forward(x), x

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList(Layer(4, 4) for _ in range(3))

    def forward(self, x, details=False):
        seen = ()
        for layer in self.layers:
{lines}
        {last}

torch.manual_seed(0)
net = Net()
for _ in range(3):
    print(net(torch.ones(2, 4))[0].detach())
net.eval()(torch.ones(2, 4))
"""


RULE = Rule(
    title="the rest of a loop's body that a tensor may skip goes into torch.cond",
    answers=("tensor-branch", "data-dependent-answer"),
    legal="""
        The statements behind the `if` in its loop are followed with the Python values that the run saw (flags,
        None or not). On that way they give one tensor a new value, which only is computed, and where the step is
        skipped none. Every other setting keeps the statements as they are.
        """,
    safety=Safety.ASK,
    propose=propose,
    rank=7,
    examples=(
        Example(
            name="layer drop in a decoder",
            before=_script("""
if self.training:
    probability = torch.rand([])
    if probability < 0.5:
        continue

outputs = layer(
    x,
    scale=None,
)
x = outputs[0]

if details:
    seen += (outputs[1],)
"""),
            after=_script("""
if self.training:
    probability = torch.rand([])
    if details:
        if probability < 0.5:
            continue
    else:
        x = torch.cond(
            probability < 0.5,
            lambda: x.clone(),
            lambda: layer(
                x,
                scale=None,
            )[0],
        )
        continue

outputs = layer(
    x,
    scale=None,
)
x = outputs[0]

if details:
    seen += (outputs[1],)
"""),
        ),
        Example(
            name="layer drop by a flag",
            before=_script("""
drop = False
if self.training:
    probability = torch.rand([])
    if probability < 0.5:  # skip the layer
        drop = True

if drop:
    outputs = (None, None)
else:
    outputs = layer(x)
    x = outputs[0]
if details:
    seen += (outputs[1],)
"""),
            after=_script("""
drop = False
if self.training:
    probability = torch.rand([])
    if details:
        if probability < 0.5:  # skip the layer
            drop = True
    else:
        x = torch.cond(
            probability < 0.5,
            lambda: x.clone(),
            lambda: layer(x)[0],
        )
        continue

if drop:
    outputs = (None, None)
else:
    outputs = layer(x)
    x = outputs[0]
if details:
    seen += (outputs[1],)
"""),
        ),
    ),
    negatives=(
        Negative(
            name="two values go on to the next turn",
            script=_script("""
if self.training:
    if torch.rand([]) < 0.5:
        continue
outputs = layer(x)
x = outputs[0]
if not details:
    seen = outputs[1]
"""),
        ),
        Negative(
            name="the step writes",
            script=_script("""
if self.training:
    if torch.rand([]) < 0.5:
        continue
outputs = layer(x.mul_(2))
x = outputs[0]
if details:
    seen += (outputs[1],)
"""),
        ),
        Negative(
            name="a list grows behind it",
            script=_script("""
if self.training:
    if torch.rand([]) < 0.5:
        continue
x = layer(x)[0]
if not details:
    seen += (x,)
"""),
        ),
    ),
)
