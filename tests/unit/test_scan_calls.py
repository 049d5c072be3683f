"""Calls are followed: from file to file, to methods and base classes, to what is compiled."""

from __future__ import annotations

from scanning import HEAD, project, told

NET = f"""{HEAD}
from .tools.steps import step

class Net(nn.Module):
    def forward(self, x):
        return step(torch.sin(x), 2)
"""
STEP = "def step(y, n):\n    if n > 1:\n        y = y + 1\n    if y.sum() > 0:\n        return y\n    return -y\n"


def test_a_helper_in_another_file_is_reached() -> None:
    texts = {"pkg/__init__.py": "", "pkg/net.py": NET, "pkg/tools/__init__.py": "", "pkg/tools/steps.py": STEP}
    found = project(texts).sightings
    assert told(found) == ["tensor-branch sure y.sum() > 0"]
    assert found[0].span.path == "pkg/tools/steps.py"
    assert [frame.function for frame in found[0].path_in] == ["Net.forward"]
    assert found[0].path_in[0].span.line == 10
    assert "handed in by Net.forward" in found[0].because[0]


def test_a_helper_that_nothing_compiled_calls_is_not() -> None:
    assert project({"steps.py": "import torch\n" + STEP}).sightings == ()


def test_names_that_a_package_passes_on_are_resolved() -> None:
    texts = {
        "pkg/__init__.py": "from .tools import step as stride",
        "pkg/tools/__init__.py": "from .step import step",
        "pkg/tools/step.py": STEP,
        "main.py": f"{HEAD}\nimport pkg as p\n@torch.compile\ndef f(x):\n    return p.stride(torch.sin(x), 1)\n",
    }
    assert told(project(texts).sightings) == ["tensor-branch sure y.sum() > 0"]


def test_star_imports_and_a_source_folder() -> None:
    texts = {
        "src/pkg/__init__.py": "from pkg.steps import *",
        "src/pkg/steps.py": STEP,
        "main.py": f"{HEAD}\nfrom pkg import step\n@torch.compile\ndef f(x):\n    return step(torch.sin(x), 1)\n",
    }
    assert told(project(texts).sightings) == ["tensor-branch sure y.sum() > 0"]


def test_methods_of_base_classes_and_submodules() -> None:
    text = f"""{HEAD}
class Base(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
    def forward(self, x):
        return self.step(self.inner(x))

class Inner(nn.Module):
    def forward(self, x):
        return x.sin(), 3

class Net(Base):
    def __init__(self):
        super().__init__(Inner())
    def step(self, pair):
        y, n = pair
        if n:
            return y.item()
        return float(y)
"""
    found = told(project({"net.py": text}).sightings)
    assert [line.split(" ", 2)[::2] for line in found] == [["host-value", "y.item()"], ["host-value", "float(y)"]]


def test_what_is_given_to_compile_is_compiled() -> None:
    functions = "def f(x):\n    return x.item()\n\ndef g(x):\n    return x.item()\n"
    text = f"{HEAD}\n{functions}\nrun = torch.compile(f)\nrun(torch.ones(1))\n"
    assert [each.span.line for each in project({"a.py": text}).sightings] == [7]


def test_a_disabled_function_is_not_gone_into() -> None:
    text = f"""{HEAD}
@torch.compiler.disable
def log(x):
    print(x.item())

@torch.compile
def f(x):
    log(x)
    return x + 1
"""
    assert told(project({"a.py": text}).sightings) == ["disabled-on-purpose sure log(x)"]


def test_closures_and_functions_handed_over() -> None:
    text = f"""{HEAD}
from torch.utils.checkpoint import checkpoint

class Net(nn.Module):
    def forward(self, x):
        y = torch.sin(x)
        def inner(z):
            return z if y.sum() > 0 else -z
        return checkpoint(inner, y, use_reentrant=False)
"""
    assert told(project({"a.py": text}).sightings) == ["tensor-branch sure y.sum() > 0"]


def test_a_function_that_returns_what_it_is_given() -> None:
    text = f"""{HEAD}
def exists(v):
    return v is not None
def default(v, d):
    return v if exists(v) else d

class Net(nn.Module):
    def forward(self, x, n: int = 3):
        if exists(x) and default(n, 2) > 1:
            x = torch.sin(x)
        return x
"""
    assert project({"a.py": text}).sightings == ()


def test_loops_of_imports_and_of_calls_come_to_an_end() -> None:
    texts = {
        "a.py": f"{HEAD}\nfrom b import g\n@torch.compile\ndef h(x):\n    return g([torch.sin(x)])\n"
        "def f(x):\n    return g([x])\n",
        "b.py": "from a import f, g as g2\nx = x or 1\ndef g(x):\n    return f([x])\n",
        "c.py": "from c import d\nfrom d import *\n",
        "d.py": "from c import *\n",
    }
    assert project(texts).sightings == ()


def test_named_tuples_hold_tensors() -> None:
    text = f"""{HEAD}
from collections import namedtuple
State = namedtuple("State", "y n")

@torch.compile
def f(x):
    state = State(torch.sin(x), 3)
    if state.n > 2:
        x = x + 1
    if state.y.sum() > 2:
        x = x + 1
    return x
"""
    assert told(project({"a.py": text}).sightings) == ["tensor-branch sure state.y.sum() > 2"]
