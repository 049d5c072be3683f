"""What g2 check cannot do, in a sentence and an exit code: each is a real run that leaves nothing behind."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from by_hand import moment

from g2.check.child import given

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(sys.platform != "linux", reason="triton is for Linux, and so are forks of a process with torch"),
]
NET = "import torch\nnet = torch.compile(torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU()))\n"
CALLED = f"{NET}with torch.no_grad():\n    net(torch.ones(3, 4))\n"
# A pass of the user's own in Inductor, which does {what}.
PASS = """\
import os, time
import torch
import torch._inductor.config as config
from torch._inductor.custom_graph_pass import CustomGraphPass


class Mine(CustomGraphPass):
    def __call__(self, graph):
        {what}

    def uuid(self):
        return "mine"


config.post_grad_custom_post_pass = Mine()
torch.compile(lambda x: torch.sin(x) + 1)(torch.ones(4))
"""
NO_FAKE = """\
import torch


@torch.library.custom_op("mine::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    return x * 2


torch.compile(lambda x: twice(x))(torch.ones(4))
"""
SPARSE = """\
import torch

torch.compile(lambda a, x: torch.sparse.mm(a, x) + 1)(torch.eye(4).to_sparse(), torch.ones(4, 2))
"""
UNBACKED = """\
import torch

torch._dynamo.config.capture_scalar_outputs = True
torch.compile(lambda n: torch.arange(n.item()) * 2 + 1)(torch.tensor(7))
"""
# Dynamo traces through this; AOTAutograd meets nonzero, and Dynamo breaks the graph there.
MASKED = """\
import torch


def masked(x):
    h = torch.tanh(x) * 2
    out = torch.zeros_like(h)
    out[h > 0] = h[h > 0] * 2
    return out


torch.compile(masked)(torch.randn(4, 8))
"""
LARGE = """\
import resource
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1024, 1024, 24))

    def forward(self, x):
        return (self.weight * x).relu().sum()


net = torch.compile(Net())
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (700 << 20),) * 2)
net(torch.ones(24)).backward()
"""
# Triton itself, with the name of another version, and without what g2 needs of it.
OTHER_TRITON = """\
import pathlib, sys

real = next(path for path in map(pathlib.Path, sys.path) if (path / "triton" / "_C").exists()) / "triton"
__path__ = [str(real)]
exec(compile((real / "__init__.py").read_text(), str(real / "__init__.py"), "exec"))
__version__ = "3.1.0"
import triton.backends.compiler

del triton.backends.compiler.GPUTarget
"""
NO_TRITON = "raise ModuleNotFoundError(\"No module named 'triton'\", name='triton')\n"


def ran(
    folder: Path, text: str, *words: str, triton: str = "", before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """`g2 check WORDS script.py`; its folder has the script and nothing else, and is checked to have no more after."""
    work = folder / "work"
    work.mkdir()
    (work / "script.py").write_text(text)
    environment = {**os.environ, "G2_HOME": str(folder / "home"), "COLUMNS": "1000", "TMPDIR": str(folder)}
    if triton:
        (folder / "other" / "triton").mkdir(parents=True)
        (folder / "other" / "triton" / "__init__.py").write_text(triton)
        environment["PYTHONPATH"] = str(folder / "other")
    done = subprocess.run(
        [sys.executable, "-m", "g2.cli", "check", *words, "script.py"],
        cwd=work, env=environment, capture_output=True, text=True, timeout=300, preexec_fn=before,
    )  # fmt: skip
    assert [path.name for path in work.iterdir() if path.name != "__pycache__"] == ["script.py"]
    assert "g2/" not in done.stderr.replace(str(folder), ""), done.stderr  # no traceback of ours
    assert not list((folder / "home").rglob("check-*")), "what was examined was left behind"
    done.stderr = " ".join(done.stderr.split())  # wherever lines are broken
    return done


def no_larger_file_than(size: int) -> Callable[[], None]:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an error, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def test_a_root_that_is_never_called(tmp_path: Path) -> None:
    done = ran(tmp_path, NET)
    assert done.returncode == 2
    assert "Nothing was checked" in done.stderr
    assert "never called" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "words", "code", "said"),
    [
        (NO_FAKE, ["--only", "correct"], 2, "Nothing was compiled: Dynamo made no graph"),
        (SPARSE, ["--only", "kernels"], 2, "Dynamo made no graph of this call"),
        (SPARSE, ["--only", "kernels", "--emit", "kernels"], 2, "Nothing was written to kernels"),
        (
            PASS.format(what="time.sleep(600)"), ["--only", "speed", "--part-limit", "10"], 2,
            "speed could not be done: it took longer than 10 seconds (--part-limit)",
        ),
        (PASS.format(what="os.abort()"), ["--only", "speed"], 2, "speed could not be done: it ended the process"),
        (
            PASS.format(what="os.kill(os.getpid(), 9)"), ["--only", "correct", "--only", "speed"], 2,
            "compiled: it was killed, which Linux does to a process when memory is short",
        ),
        (PASS.format(what="raise ValueError('mine')"), ["--only", "speed"], 0, "ValueError: mine"),
        (UNBACKED, ["--only", "kernels"], 0, "Sizes in graph 0/0 come from values of tensors"),
        (MASKED, ["--only", "kernels", "--only", "correct"], 0, "in the Triton kernels of 2 graphs"),
        (LARGE, ["--only", "correct"], 2, "correct could not be done: there was not enough memory"),
        (
            CALLED, ["--only", "correct", "--inputs", "nowhere:f"], 2,
            "--inputs nowhere:f could not be done: the module nowhere could not be imported",
        ),
    ],
    ids=["no fake", "sparse", "emit", "hangs", "crashes", "killed", "raises", "unbacked", "masked", "memory", "inputs"],
)  # fmt: skip
def test_what_could_not_be_done_is_said(text: str, words: list[str], code: int, said: str, tmp_path: Path) -> None:
    done = ran(tmp_path, text, *words)
    assert said in done.stderr
    assert done.returncode == code, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("triton", "said"),
    [(NO_TRITON, "it is not installed here"), (OTHER_TRITON, "triton 3.1.0, which is here, has no")],
    ids=["none", "another"],
)
def test_the_triton_that_pairs_with_torch_is_named(triton: str, said: str, tmp_path: Path) -> None:
    done = ran(tmp_path, CALLED, "--only", "kernels", triton=triton)
    assert done.returncode == 2
    assert said in done.stderr
    assert "pairs with triton 3." in done.stderr


@pytest.mark.slow
def test_a_full_disk(tmp_path: Path) -> None:
    done = ran(tmp_path, CALLED, "--only", "correct", before=no_larger_file_than(200_000))
    assert done.returncode == 2
    assert "could not be compared" in done.stderr
    assert "Not compared: as recorded" in done.stderr


@pytest.mark.slow
def test_ctrl_c_shows_what_was_done_by_then(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(PASS.format(what="time.sleep(0 if config.fallback_random else 600)"))
    process = subprocess.Popen(
        [sys.executable, "-m", "g2.cli", "check", "--only", "correct", "--only", "speed", "script.py"],
        cwd=tmp_path, env={**os.environ, "G2_HOME": str(tmp_path / "home"), "COLUMNS": "1000"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    until = time.monotonic() + 280
    while not _examining(tmp_path) and time.monotonic() < until:
        time.sleep(0.1)
    forks = _examining(tmp_path)
    assert forks
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "comparisons of compiled with eager" in errors, errors
    assert "speed could not be done: it was ended before it was done" in errors
    assert "It was interrupted" in errors
    for fork in forks:
        assert _ended(fork)
    assert not list((tmp_path / "home").rglob("check-*"))


def _ended(pid: int) -> bool:
    """Within ten seconds. A process whose parent does not ask for it stays in the table."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state in "ZX":
            return True
        time.sleep(0.1)
    return False


def _examining(folder: Path) -> list[int]:
    """Processes that measure a call: as their journals say."""
    found: list[int] = []
    for journal in (folder / "home").rglob("check-*.jsonl"):
        text = journal.read_text()
        if '"name":"speed"' in text:
            found.append(int(text.partition('"pid":')[2].partition(",")[0].rstrip("}\n ")))
    return found


MINE = """
import torch

number = 5


def good():
    return (torch.ones(2, 4),)


def named():
    return {"input": torch.ones(2, 4)}


def one():
    return torch.ones(2, 4)


def none():
    return None


def raises():
    raise SystemExit("no data")


def other():
    return torch.ones(2, 7)
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "their_inputs.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "their_inputs", raising=False)
    return "their_inputs"


@pytest.mark.parametrize("function", ["good", "named", "one"])
def test_inputs_that_are_given(function: str, mine: str) -> None:
    found = given.other(moment(torch.nn.Linear(4, 4), torch.ones(1, 4)), f"{mine}:{function}")
    assert torch.equal(found.eager(*found.args, **found.kwargs), found.eager(torch.ones(2, 4)))
    given.accepted(found, mine, 60)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("nothing", "there is no function nothing in the module their_inputs"),
        ("number", "number is no function in the module their_inputs"),
        ("none", "their_inputs:none returned None; it is to return a tuple of arguments"),
        ("raises", "their_inputs:raises raised SystemExit: no data"),
    ],
)
def test_inputs_that_are_not_given(function: str, said: str, mine: str) -> None:
    with pytest.raises(given.NotGiven) as raised:
        given.other(moment(torch.nn.Linear(4, 4), torch.ones(1, 4)), f"{mine}:{function}")
    assert said in str(raised.value)


def test_inputs_that_eager_does_not_take(mine: str) -> None:
    found = given.other(moment(torch.nn.Linear(4, 4), torch.ones(1, 4)), f"{mine}:other")
    with pytest.raises(given.NotGiven, match="does not take what their_inputs:other gives: RuntimeError"):
        given.accepted(found, f"{mine}:other", 60)
