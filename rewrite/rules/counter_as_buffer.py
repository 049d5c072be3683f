"""A number that a module counts up at each call becomes a buffer: an input of the graph that no guard names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from g2.rewrite.model import Edit, FileEdits, Left, Proposal, Safety
from g2.rewrite.rule import Example, Negative, Rule
from g2.rewrite.rules._options import bounds
from g2.rewrite.rules._torch_name import torch_names
from g2.rewrite.site import Site
from g2.rewrite.source import FUNCTIONS, Source, Unreadable


@dataclass(frozen=True, slots=True)
class _Counter:
    """Where the number is made in `__init__`, in one class."""

    source: Source
    made: ast.Assign
    first: int


def _propose(site: Site) -> Iterator[Proposal | Left]:
    guards = site.recompile.guards if site.recompile else ()
    names = dict.fromkeys(g.source.rpartition(".")[2] for g in guards if g.kind == "value" and "." in g.source)
    edits: dict[str, list[Edit]] = {}
    imports: dict[str, tuple[str, ...]] = {}
    for name in names:
        found = _found(site, name)
        if isinstance(found, Left):
            yield found
            return
        if found is None:
            continue
        torch = torch_names(found.source)
        text = (
            f'self.register_buffer("{name}", {torch.torch}.tensor({found.first}, dtype={torch.torch}.long), '
            "persistent=False)"
        )
        edits.setdefault(found.source.path, []).append(Edit(*bounds(found.source, found.made), text))
        imports[found.source.path] = torch.imports
    if not edits:
        return
    which = ", ".join(f"`{name}`" for name in names)
    yield Proposal(
        rule="",
        summary=f"{which} is kept in a buffer and counted up in place",
        safety=Safety.ASK,
        files=tuple(FileEdits(path, tuple(made), imports[path]) for path, made in edits.items()),
        caveat=f"{which} is a tensor then, for whoever reads it from outside: int(...) gives the number",
    )


def _found(site: Site, name: str) -> _Counter | Left | None:
    """The one class that counts in this attribute; None where no file of the run at hand does."""
    for path in dict.fromkeys((site.source.path, site.script)):
        try:
            source = site.read(path) if path else None
        except Unreadable:
            continue
        if source is None:
            continue
        found = _in_file(source, name)
        if found is not None:
            return found
    return None


def _in_file(source: Source, name: str) -> _Counter | Left | None:
    uses = [n for n in ast.walk(source.tree) if isinstance(n, ast.Attribute) and n.attr == name]
    changes = [n for n in ast.walk(source.tree) if isinstance(n, ast.AugAssign) and n.target in uses]
    counted = [n for n in changes if isinstance(n.op, (ast.Add, ast.Sub)) and _whole(n.value)]
    if not counted:
        return None
    owners = {id(one): node for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef) for one in _own(node)}
    classes = {id(owners.get(id(n))): owners.get(id(n)) for n in counted}
    holder = next(iter(classes.values()))
    if len(classes) != 1 or holder is None:
        return Left(f"`{name}` is counted in more than one class")
    made = [
        n for method in _own(holder) if isinstance(method, FUNCTIONS) and method.name == "__init__"
        for n in method.body if isinstance(n, ast.Assign) and n.targets[0] in uses
    ]  # fmt: skip
    if len(made) != 1 or len(made[0].targets) != 1 or not _whole(made[0].value):
        return Left(f"`{name}` is not made from a whole number in `__init__`")
    rest = [n for n in uses if n is not made[0].targets[0] and not any(n is one.target for one in counted)]
    if rest:
        return Left(f"`{name}` is used for something else at line {rest[0].lineno}")
    return _Counter(source, made[0], int(ast.literal_eval(made[0].value)))


def _own(node: ast.ClassDef) -> Iterator[ast.AST]:
    """What stands in a class, classes in it left out."""
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        one = waiting.pop()
        yield one
        if not isinstance(one, ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(one))


def _whole(node: ast.expr) -> bool:
    try:
        return type(ast.literal_eval(node)) is int
    except ValueError:
        return False


BEFORE = """\
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(4, 4)
        self.calls = 0  # for the log

    def forward(self, x):
        self.calls += 1
        return self.fc(x).relu()


torch.manual_seed(0)
net = Net()
for _ in range(4):
    print(net(torch.ones(2, 4)).sum())
"""

RULE = Rule(
    title="a counter of a module becomes a buffer",
    answers=("changing-number", "recompile-limit", "changing-value"),
    legal=(
        "A whole number is made once in `__init__`, and in all of the file only counted up or down by constants. As a "
        "buffer it is counted in place by the graph, moves with the module, and is not in its state_dict. Whoever "
        "reads it from another file meets a tensor, hence ASK."
    ),
    safety=Safety.ASK,
    propose=_propose,
    examples=(
        Example(
            "calls",
            BEFORE,
            BEFORE.replace(
                "self.calls = 0",
                'self.register_buffer("calls", torch.tensor(0, dtype=torch.long), persistent=False)',
            ),
        ),
    ),
    negatives=(
        Negative(
            "a decision depends on it",
            BEFORE.replace(
                "        return self.fc(x).relu()\n",
                "        if self.calls % 2:\n            x = -x\n        return self.fc(x).relu()\n",
            ),
        ),
        Negative("it is no whole number", BEFORE.replace("self.calls = 0", "self.calls = 0.5")),
        Negative(
            "it is set from outside",
            BEFORE.replace("    print(net", "    net.calls = 2 * net.calls\n    print(net"),
        ),
    ),
    rank=20,
)
