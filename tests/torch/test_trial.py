"""Trials: the code before and the new code compared in forks of a running script, with planted wrong rewrites."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from g2.capture import launch
from g2.rewrite import trial_events
from g2.rewrite.trial.asked import Asked

pytestmark = pytest.mark.torch

HEAD = """
import random
import torch

torch.manual_seed(0)


class Base(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)
        self.drop = torch.nn.Dropout(0.5)
        self.register_buffer("seen", torch.zeros(4))
        self.calls = 0

"""
TAIL = """

for kind in Base.__subclasses__():
    kind()(torch.randn(3, 4))
print("ran")
"""


@dataclass(frozen=True)
class Tried:
    """What a trial left; `lines`: of the functions named."""

    events: tuple[dict[str, Any], ...]
    text: str
    record: Path
    stdout: str
    exit_code: int

    def of(self, function: str) -> list[dict[str, Any]]:
        """The trials of a function, by its name or as the one to blame."""
        (line,) = {
            min(node.lineno, *(one.lineno for one in node.decorator_list), node.lineno)
            for kind in ast.walk(ast.parse(self.text))
            if isinstance(getattr(kind, "body", None), list)
            for node in getattr(kind, "body", [])
            if isinstance(node, ast.FunctionDef)
            if function == (f"{kind.name}.{node.name}" if isinstance(kind, ast.ClassDef) else node.name)
        }
        return [event for event in self.kind("trial") if event["line"] == line]

    def outcomes(self, function: str) -> set[str]:
        return {event["outcome"] for event in self.of(function)}

    def kind(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["e"] == name]

    @property
    def notes(self) -> str:
        return "\n".join(event["what"] for event in self.kind("proof_note"))


def tried(folder: Path, old: str, new: str, tests: Sequence[str] = ()) -> Tried:
    """A run of `new` in the place of `old`, with the expressions `tests` watched."""
    script, record = folder / "script.py", folder / "record"
    script.write_text(old)
    record.mkdir()
    places = tuple(
        (str(script), node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0)
        for node in ast.walk(ast.parse(old))
        if isinstance(node, ast.expr) and ast.get_source_segment(old, node) in tests
    )
    assert len(places) >= len(tests)
    Asked(tests=places).write(record)
    options = launch.Options(
        (str(script),), once=True, overlay={str(script): new.encode()}, witness="g2.rewrite.trial.witness"
    )
    with (folder / "out").open("w+") as out:
        session = launch.run(options, record, child_stdout=out.fileno())
        out.seek(0)
        assert session.lost == ()
        assert script.read_text() == old
        return Tried(trial_events.read(record), old, record, out.read(), session.exit_code or 0)


def module(name: str, body: str) -> str:
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    return f"\n\nclass {name}(Base):\n    def forward(self, x):\n{lines}"


RIGHT = {
    "Where": ("x = self.lin(x)\nif x.sum() > 0:\n    x = x * 2\nelse:\n    x = x - 1\nreturn x",
              "x = self.lin(x)\nreturn torch.where(x.sum() > 0, x * 2, x - 1)"),
    "Text": ("print('mean', x.shape)\nreturn x", "print(f'mean {x.shape}')\nreturn x"),
    "Draws": ("return self.drop(x) + torch.rand_like(x)", "y = self.drop(x)\nreturn y + torch.rand_like(x)"),
    "Buffer": ("self.seen += x.mean(0)\nreturn x + self.seen", "self.seen.add_(x.mean(0))\nreturn x + self.seen"),
    "Check": ("if x.isnan().any():\n    raise ValueError('NaN')\nreturn x * 2",
              "bad = x.isnan().any()\nif bad:\n    raise ValueError('NaN')\nreturn x * 2"),
}  # fmt: skip
WRONG = {
    "Swapped": (RIGHT["Where"][0], "x = self.lin(x)\nreturn torch.where(x.sum() > 0, x - 1, x * 2)"),
    "Rare": ("if x.isnan().any():\n    x = torch.zeros_like(x)\nreturn x", "return x"),
    "Silent": (RIGHT["Text"][0], "return x"),
    "Draws": (RIGHT["Draws"][0], "noise = torch.rand_like(x)\nreturn self.drop(x) + noise"),
    "Dtype": ("return x * x.abs().max().item()", "return x.double() * x.abs().max()"),
    "Graph": ("return self.lin(x) * x.abs().max()", "return self.lin(x).detach() * x.abs().max()"),
    "Count": ("self.calls += 1\nreturn x * 2", "return x * 2"),
    "Words": (RIGHT["Check"][0], "if x.isnan().any():\n    raise ValueError('nan')\nreturn x * 2"),
    "Shared": ("return torch.cat([x, x])", "self.kept = getattr(self, 'kept', None)\n"
               "if self.kept is None or self.kept.shape[0] != 2 * x.shape[0]:\n    self.kept = torch.cat([x, x])\n"
               "else:\n    self.kept = self.kept.copy_(torch.cat([x, x]).detach())\nreturn self.kept"),
    "Second": ("return x + self.seen.sum()", "self.twice = getattr(self, 'twice', 0) + 1\n"
               "return x + (self.seen.sum() if self.twice < 2 else 1)"),
    "Lost": ("y = x.clone()\ny[0] = 1\nreturn y", "x[0] = 1\nreturn x"),
    "Length": ("return x.sum(0) / len(x)", "return x.sum(0) / 3"),
}  # fmt: skip


def texts(cases: dict[str, tuple[str, str]]) -> tuple[str, str]:
    old, new = (HEAD + "".join(module(name, case[at]) for name, case in cases.items()) + TAIL for at in (0, 1))
    return old, new


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    return tried(tmp_path_factory.mktemp("right"), *texts(RIGHT), tests=["x.sum() > 0", "x.isnan().any()"])


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    return tried(tmp_path_factory.mktemp("wrong"), *texts(WRONG))


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_rewrite_stands(right: Tried, name: str) -> None:
    trials = right.of(f"{name}.forward")
    assert len(trials) >= 6, right.events  # as many as there was time for
    assert {event["outcome"] for event in trials} <= {"same", "close", "refused"}, trials
    assert "refused" in right.outcomes("Check.forward")


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rewrite_is_seen(wrong: Tried, name: str) -> None:
    differing = [event for event in wrong.of(f"{name}.forward") if event["outcome"] == "differs"]
    assert differing, wrong.of(f"{name}.forward")
    assert all(event["detail"] for event in differing)


def test_both_sides_of_a_test_are_reached(right: Tried) -> None:
    sides = {event["line"]: [False, False] for event in right.kind("side")}
    for event in right.kind("side"):
        sides[event["line"]][0] |= event["true"]
        sides[event["line"]][1] |= event["false"]
    assert len(sides) == 2
    assert all(met == [True, True] for met in sides.values()), sides


def test_the_script_notices_nothing(right: Tried) -> None:
    new = right.record.parent / "new.py"
    new.write_text(texts(RIGHT)[1])
    plain = subprocess.run([sys.executable, str(new)], capture_output=True, text=True, check=True, timeout=120)
    assert right.stdout == plain.stdout
    assert right.exit_code == 0
    left = {path.name for path in right.record.iterdir()} - {"attached", "job.json", "trial.json", "overlay.json"}
    assert all(name.startswith(("journal-", "trial-", "overlay-", ".turn-")) for name in left), left


def test_compiled_agrees(right: Tried) -> None:
    compiled = [event for event in right.kind("trial") if event["inputs"].endswith(", compiled")]
    assert compiled
    assert {event["outcome"] for event in compiled} <= {"same", "close"}


def test_functions_of_every_kind(tmp_path: Path) -> None:
    old = """
import functools
import torch

def kept(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)
    return inner

def free(x):
    return x * 3  # free

def make(k):
    def scale(x):
        return x * k  # closure
    return scale

twice = make(2.0)

class Fn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.exp()
    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * x.exp()  # backward

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    @staticmethod
    def norm(x):
        return x / (1 + x.abs())  # static

    @classmethod
    def named(cls, x):
        return x + len(cls.__name__)  # class

    @kept
    def body(self, x, *rest, flag=True):
        return self.lin(x)  # body

    def parts(self, x):
        for i in range(2):
            yield x * i  # parts

    def forward(self, x):
        y = twice(self.norm(self.body(free(x))))
        return self.named(Fn.apply(y)) + sum(self.parts(y))

    def never(self, x):
        return x  # never

net = Net()
opt = torch.optim.SGD(net.parameters(), 0.1)

@torch.compile
def step(x):
    opt.zero_grad()
    loss = net(x).sum()
    loss.backward()
    opt.step()
    return loss.detach()

step(torch.randn(3, 4))
level = 1
"""
    marks = ("free", "closure", "backward", "static", "class", "body", "never")
    new = old.replace("level = 1", "level = 2").replace("x * i  # parts", "x * i * 1.5")
    for mark in marks:
        new = new.replace(f"  # {mark}", " + 0.25")
    found = tried(tmp_path, old, new)
    for name in ("free", "Fn.backward", "Net.norm", "Net.named", "Net.body"):
        assert found.outcomes(name) == {"differs"}, name
    assert [e["outcome"] for e in found.kind("trial") if e["what"] == "make.scale"] == ["differs"]
    assert found.of("Net.never") == []
    assert "Net.parts (script.py:48) is a generator" in found.notes
    assert "script.py:71 runs when the file is loaded" in found.notes
    assert [e for e in found.kind("trial") if e["what"].startswith("step") and e["outcome"] == "differs"]


def test_code_that_ends_the_process(tmp_path: Path) -> None:
    old, new = texts({"End": ("if x.isinf().any():\n    x = x + 1\nreturn x",
                              "if x.isinf().any():\n    import os; os.abort()\nreturn x")})  # fmt: skip
    found = tried(tmp_path, old, new)
    differing = [event for event in found.of("End.forward") if event["outcome"] == "differs"]
    assert "SIGABRT" in differing[0]["detail"]
    assert found.exit_code == 0


def test_a_root_that_runs_no_changed_function(tmp_path: Path) -> None:
    old = HEAD + module("Net", "return self.lin(x)") + "    def other(self):\n        return 1\n" + TAIL
    found = tried(tmp_path, old, old.replace("return 1", "return 2"))
    assert [(event["what"], event["inputs"]) for event in found.events] == [("Net.forward", "as recorded, compiled")]


def test_a_process_that_cannot_be_forked(tmp_path: Path) -> None:
    old, new = texts({"Where": RIGHT["Where"]})
    taken = "import types\ntorch.hpu = types.SimpleNamespace(is_initialized=lambda: True)\n"
    found = tried(tmp_path, old.replace(TAIL, taken + TAIL), new.replace(TAIL, taken + TAIL))
    assert found.kind("trial") == []
    assert "The new code was not compared with the code before: an HPU is in use" in found.notes


def test_closures_with_other_variables(tmp_path: Path) -> None:
    tail = """
def make(k, j):
    def scale(x):
        return x * k
    def shift(x):
        return x * k + j
    def turn(x):
        return x * k
    return scale, shift, turn
scale, shift, turn = make(2, 3)
@torch.compile
def run(x):
    return turn(shift(scale(x)))
run(torch.randn(3))
"""
    new = tail.replace("x * k\n", "x * (k + j - j)\n", 1).replace("x * k + j", "x * k + 3")
    found = tried(tmp_path, HEAD + tail, HEAD + new.replace("x * k\n", "x * (k + j)\n"))
    outcomes = {
        name: {event["outcome"] for event in found.kind("trial") if event["what"] == name}
        for name in ("make.scale", "make.shift", "make.turn")
    }
    assert outcomes["make.scale"] <= {"same", "close"}
    assert outcomes["make.scale"]
    assert outcomes["make.shift"] == set()
    assert outcomes["make.turn"] == {"differs"}
    assert "make.shift (script.py:20) could not be run as it was before" in found.notes


SPLIT = """
import torch

torch.manual_seed(0)
net = torch.nn.Linear(4, 2)
opt = torch.optim.Adam(net.parameters(), 0.1)


@torch.compile
def step(x, *rest, scale=1.0):
    opt.zero_grad()
    loss = (net(x) * scale).square().mean()
    loss.backward()
    opt.step()
    return loss.detach()


for _ in range(3):
    step(torch.randn(3, 4))
"""
CORE = """
@torch.compile
def core(x, scale):
    return (net(x) * scale).square().mean()


def step("""


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (("", ""), False),
        (("    opt.step()\n", "    opt.step()\n    opt.step()\n"), True),  # only the parameters show it
        (("opt.zero_grad()", "net.weight.grad = None"), True),  # only further calls show it
    ],
    ids=["right", "twice", "one gradient kept"],
)
def test_a_step_around_what_is_compiled(tmp_path: Path, change: tuple[str, str], differs: bool) -> None:
    new = SPLIT.replace("\n@torch.compile\ndef step(", CORE)
    new = new.replace("loss = (net(x) * scale).square().mean()", "loss = core(x, scale)").replace(*change)
    found = tried(tmp_path, SPLIT, new)
    outcomes = found.outcomes("step")
    assert outcomes
    assert ("differs" in outcomes) is differs, found.of("step")
    assert outcomes <= {"same", "close", "differs"}
    assert "script.py:9 " not in found.notes
    compiled = [event["outcome"] for event in found.kind("trial") if event["inputs"].endswith(", compiled")]
    assert set(compiled) <= {"same", "close"}
    assert compiled


def test_gradients_of_what_is_compiled_with_dynamic_sizes(tmp_path: Path) -> None:
    old = HEAD + """
class Net(Base):
    def forward(self, x):
        y = self.lin(x)
        return torch.where(y.sum() > 3, y + 1, y)

net = Net()
for n in (3, 5):
    x = torch.randn(n, 4)
    net(x)
"""
    found = tried(tmp_path, old, old.replace("    net(x)", "    torch._dynamo.maybe_mark_dynamic(x, 0)\n    net(x)"))
    assert [(event["inputs"], event["outcome"]) for event in found.kind("trial")] == [("as recorded, compiled", "same")]
