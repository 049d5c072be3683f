"""The worklist: only what is concerned is looked at again, nothing is forgotten, and the order is always the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from scanning import HEAD, files, project, told

from g2.explain.scan.engine import Engine
from g2.explain.scan.project import Project
from g2.explain.scan.read import facts
from g2.explain.scan.rules import detectors

ROOT = Path(__file__).resolve().parents[2]
MANY = 14

# Which of many classes' forward a call reaches first is a matter of order: all of them call one helper.
CROWD = {
    "helper.py": HEAD + "def count(x):\n    return x.sum().item()\n",
    "net.py": HEAD
    + "from helper import count\n"
    + "".join(f"class Part{n}(nn.Module):\n    def go(self, x):\n        return count(x)\n" for n in range(MANY))
    + "class Net(nn.Module):\n    def __init__(self, kind):\n        super().__init__()\n"
    + "".join(f"        if kind == {n}:\n            self.part = Part{n}()\n" for n in range(MANY))
    + "    def forward(self, x):\n        return self.part.go(x)\n",
}


def linked(texts: dict[str, str]) -> Engine:
    """The engine after it has run over these files."""
    whole = Project()
    for file in files(texts):
        whole.add(file.path, facts(file.read(), detectors()))
    whole.settle()
    engine = Engine(whole, detectors())
    engine.run()
    return engine


def with_seeds(program: str, given: object) -> set[str]:
    """What a program prints with different seeds of hashes; it has `given` from its standard input."""
    return {
        subprocess.run(
            [sys.executable, "-c", program, str(Path(__file__).parent)],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
        ).stdout
        for seed in range(4)
    }


def test_what_is_said_does_not_depend_on_the_seed_of_hashes() -> None:
    program = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); from scanning import project;"
        "print([repr(each) for each in project(json.load(sys.stdin)).sightings])"
    )
    said = with_seeds(program, CROWD)
    assert len(said) == 1
    assert "Part0.go" in said.pop()


def test_facts_do_not_depend_on_it() -> None:
    text = (
        f"{HEAD}\ntry:\n    from torchvision.transforms.v2 import Mode\n"
        "except ImportError:\n    from torchvision.transforms import Mode\n"
        "def f(mode: Mode, n, flag):\n    pairs = []\n    for i in range(n):\n        pairs.append((0, n.width))\n"
        "        pairs.append((0, 1))\n    held = [] if flag else {}\n    held[0] = n\n"
        "    return pairs, held, list(map(int if flag else float, n))\n"
    )
    program = """if True:
        import json, sys
        from dataclasses import fields, is_dataclass
        from g2.explain.scan.read import facts
        from g2.explain.scan.rules import detectors

        def plain(value):
            if isinstance(value, (set, frozenset)):
                return ["set", *sorted(map(plain, value), key=repr)]
            if isinstance(value, (list, tuple)):
                return [plain(each) for each in value]
            if isinstance(value, dict):
                return plain(list(value.items()))
            if is_dataclass(value):
                return [plain(getattr(value, field.name)) for field in fields(value)]
            return repr(value)

        print(plain(facts(json.load(sys.stdin).encode(), detectors())))
    """
    assert len(with_seeds(program, text)) == 1


def test_nothing_that_changed_is_forgotten() -> None:
    """Looking at everything again, whether it is stale or not, finds nothing new."""
    texts = {
        path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in sorted(ROOT.glob("fixtures/zoo/*.py"))
    }
    for sources in (CROWD, texts):
        engine = linked(dict(sources))
        before = {key: (act.params, list(act.results), act.returns) for key, act in engine.acts.items()}
        for act in list(engine.acts.values()):
            for site in (act.head, *act.sites, act.end):
                site.stale = True
            engine.look(act)
        assert len(engine.acts) == len(before)
        for key, act in engine.acts.items():
            assert (act.params, act.results, act.returns) == before[key], act.function.name


def test_only_the_calls_that_are_concerned_are_looked_at_again() -> None:
    calls = "".join(f"        x{n} = left(x)\n" for n in range(50))
    text = (
        f"{HEAD}\ndef left(x):\n    return x\ndef right(x):\n    return deeper(x)\ndef deeper(x):\n    return x + 1\n"
        f"class Net(nn.Module):\n    def forward(self, x):\n{calls}        return right(x)\n"
    )
    engine = linked({"net.py": text})
    forward = next(act for act in engine.acts.values() if act.function.name == "Net.forward")
    assert forward.times > 1  # what right gives is known later
    assert forward.uses is not None
    assert len(forward.uses.params[1]) == 51
    assert [len(readers) for readers in forward.uses.calls] == [0] * 50 + [1]
    looked: list[int] = []
    forward.sites[50].stale = True
    begin = engine._begin
    engine._begin = lambda site: (looked.append(forward.sites.index(site)), begin(site))[0]  # type: ignore[method-assign, assignment, func-returns-value]
    engine.look(forward)
    assert looked == [50]


def test_a_variable_of_another_module_is_followed_when_it_is_known() -> None:
    """`make` is only seen to give a Part after the files that import the variable were looked at."""
    texts = {
        "a.py": HEAD + "from z import part\ndef run(x):\n    return part(x)\n"
        "class Net(nn.Module):\n    def forward(self, x):\n        return run(x)\n",
        "z.py": HEAD + "from zz import make\npart = make()\n",
        "zz.py": HEAD + "class Part(nn.Module):\n    def helper(self, x):\n        return x.sum().item()\n"
        "    def __call__(self, x):\n        return self.helper(x)\ndef make():\n    return again()\n"
        "def again():\n    return Part()\n",
    }
    found = project(texts).sightings
    assert any(step.function == "run" for each in found for step in each.path_in), told(found)


def test_loops_hand_the_last_round_on() -> None:
    body = "x = start(x)\nfor _ in range(3):\n    use(y)\n    y = make(x)\n"
    text = (
        f"{HEAD}\ndef start(x):\n    return x\ndef make(x):\n    return x * 2\ndef use(y):\n    return y.item()\n"
        "class Net(nn.Module):\n    def forward(self, x):\n        y = None\n"
        + "".join(f"        {line}\n" for line in body.splitlines())
        + "        return y\n"
    )
    assert any(each.startswith("host-value") for each in told(project({"net.py": text}).sightings))


def test_annotations_and_defaults_that_are_made_by_calls_around_the_function() -> None:
    text = (
        f"{HEAD}\ndef kind():\n    return torch.Tensor\ndef made(a, b):\n    def inner(x: kind(), y=(kind(), b)):\n"
        "        return x.item()\n    return inner\n"
        "class Net(nn.Module):\n    def forward(self, x):\n        return made(1, 2)(x)\n"
    )
    assert any(each.startswith("host-value") for each in told(project({"net.py": text}).sightings))
