"""What g2 makes of scripts, surroundings and words that are not as it would like them."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from whole import G2, NET, Done, Place

ROOT = Path(__file__).resolve().parents[2]
PLACE = [("script.py", 11, "tensor-branch")]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    here = Place(tmp_path)
    yield here
    here.check_clean()


def refused(done: Done, *said: str) -> None:
    """Exit code 2, one sentence and a hint, nothing run."""
    assert (done.code, done.out) == (2, "")
    lines = done.err.splitlines()
    assert lines[0].startswith("g2: ")
    assert all(line.startswith("  ") for line in lines[1:])
    for text in said:
        assert text in done.err


REFUSED = {
    "missing": (["nothing.py"], ["there is no file nothing.py"]),
    "nearly right": (["scrpt.py"], ["there is no file scrpt.py", "try: g2 explain script.py"]),
    "without its ending": (["script"], ["try: g2 explain script.py"]),
    "folder": (["folder"], ["folder is a folder without a __main__.py"]),
    "stdin": (["-"], ["a script cannot come from stdin", "g2 explain script.py"]),
    "no script": ([], ["no script was named"]),
    "no module": (["-m"], ["no module was named"]),
    "unknown option": (["--onec", "script.py"], ["there is no option --onec", "--once"]),
    "unknown reason": (["--only", "tensor-brunch", "script.py"], ["tensor-brunch", "tensor-branch"]),
    "unknown format": (["--format", "markdwon", "script.py"], ["markdwon", "markdown"]),
    "bad number": (["--calls", "many", "script.py"], ["many"]),
    "then-stop alone": (["--then-stop", "script.py"], ["--then-stop needs --calls"]),
    "code on the command line": (["-c", "print(1)"], ["there is no option -c"]),
}


@pytest.mark.parametrize("words, said", REFUSED.values(), ids=REFUSED)
def test_refused_before_anything_runs(place: Place, words: list[str], said: list[str]) -> None:
    place.write("script.py", "print('ran')")
    (place.work / "folder").mkdir()
    refused(place.g2(*words, options=("--once",)), *said)


@pytest.mark.parametrize("word, near", [("tensor-brunch", "tensor-branch"), ("GB9999", ""), ("", "")])
def test_why_of_an_unknown_word(place: Place, word: str, near: str) -> None:
    done = place.run([G2, "why", word])
    refused(done, near)


def test_a_missing_module_is_pythons_to_say(place: Place) -> None:
    plain = place.python("-m", "no.such")
    done = place.g2("-m", "no.such")
    assert (done.code, done.err.partition(": ")[2]) == (plain.code, plain.err.partition(": ")[2])


NAMES = [
    "with space.py",
    "umlaut \u00e4\u4e16.py",
    "quote'\".py",
    "new\nline.py",
    "[red]markup[-].py",
    "no_ending",
    "-dash.py",
    "sub folder/deep.py",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_script(place: Place, name: str) -> None:
    place.write(name, "import sys\nprint(sys.argv[1:])\nraise ValueError(1)")
    begin = "./" if name.startswith("-") else ""
    plain = place.python(f"{begin}{name}", "a b")
    done = place.g2("--", name, "a b")
    assert (done.code, done.out, done.err) == (plain.code, plain.out, plain.err)
    shown = place.run([G2, "show"])
    assert shown.code == 0
    assert "Traceback" not in shown.err


def test_an_absolute_path_and_arguments_as_they_are(place: Place) -> None:
    place.write("script.py", "import sys\nprint(sys.argv)")
    words = [str(place.work / "script.py"), "--once", "-q", "--", "a\nb", "", "\u00e4 '\"$(x)", "-m"]
    plain = place.python(*words)
    assert place.g2(*words).out == plain.out


def test_a_path_that_is_not_unicode(place: Place) -> None:
    name = os.fsdecode(b"caf\xe9.py")
    try:
        place.write(name, "print('ran')")
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    done = place.g2(name)
    assert (done.code, done.out, done.err) == (0, "ran\n", "")


def test_compiled_file_zip_and_folder(place: Place) -> None:
    place.write("app/__main__.py", "import helper\nprint(helper.WHO, __name__)")
    place.write("app/helper.py", "WHO = 'helper'")
    with zipfile.ZipFile(place.work / "app.zip", "w") as archive:
        for name in ("__main__.py", "helper.py"):
            archive.write(place.work / "app" / name, name)
    place.write("one.py", "print('one', __name__)")
    subprocess.run([sys.executable, "-c", "import py_compile; py_compile.compile('one.py', 'one.pyc')"], cwd=place.work)
    for target, out in (("app", "helper __main__\n"), ("app.zip", "helper __main__\n"), ("one.pyc", "one __main__\n")):
        done = place.g2(target)
        assert (done.code, done.out, done.err) == (0, out, "")


def test_a_script_that_is_no_text(place: Place) -> None:
    place.write("script.py", bytes(range(256)) * 4)
    plain = place.python("script.py")
    done = place.g2("script.py")
    assert (done.code, done.err) == (plain.code, plain.err)


NEIGHBOURS = (
    "code",
    "g2",
    "json",
    "typing",
    "dataclasses",
    "fcntl",
    "random",
    "enum",
    "pathlib",
    "contextlib",
    "atexit",
)


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_the_scripts_own_file_is_what_it_imports(place: Place, name: str) -> None:
    place.write(f"{name}.py", "WHO = 'mine'")
    place.write("script.py", f"import {name}\nprint(getattr({name}, 'WHO', 'the other'))")
    plain = place.python("script.py")
    done = place.g2("script.py")
    assert (done.code, done.out, done.err) == (plain.code, plain.out, plain.err)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["typing", "json", "torch"])
def test_a_file_that_hides_what_torch_needs_fails_as_without_g2(place: Place, name: str) -> None:
    place.write(f"{name}.py", "WHO = 'mine'")
    place.write("script.py", "import torch\nprint(torch.nn.Linear(2, 2))")
    plain = place.python("script.py")
    done = place.g2("script.py")
    assert plain.code == 1
    assert (done.code, done.out, done.err) == (plain.code, plain.out, plain.err)
    if name == "torch":
        assert "torch.py was imported as torch, and is not PyTorch" in done.lost


@pytest.mark.torch
def test_harmless_neighbours_do_not_disturb_the_record(place: Place) -> None:
    for name in ("code", "g2", "model", "reason", "report", "launch", "journal", "adopt"):
        place.write(f"{name}.py", f"print('my {name}')")
    place.write("script.py", f"{NET}\nnet(torch.ones(2, 4))\nimport code, g2\nnet(torch.ones(2, 4))")
    done = place.g2("script.py", options=("-q",))
    assert (done.code, done.out, done.err) == (1, "my code\nmy g2\n", "")
    assert done.places() == PLACE
    assert done.lost == ""


PATCHES = """
import builtins, io, json, os, pathlib, time

def broken(*a, **k):
    raise RuntimeError('patched')

json.dumps = json.loads = json.JSONEncoder.encode = broken
os.write = os.open = os.fspath = os.getcwd = broken
builtins.open = io.open = broken
pathlib.Path.open = pathlib.Path.read_text = pathlib.Path.exists = broken
time.time = broken
net(torch.ones(2, 4))
print('through')
"""


@pytest.mark.torch
def test_a_script_that_patches_what_g2_uses(place: Place) -> None:
    # Importing Dynamo opens files: torch is not to be disturbed here, g2 is.
    place.write("script.py", f"{NET}\nnet(torch.ones(2, 4))\n{PATCHES}")
    done = place.g2("script.py")
    assert (done.code, done.out, done.err) == (1, "through\n", "")
    assert done.places() == PLACE
    assert done.report is not None
    assert done.report["roots"][0]["calls"] == 2


@pytest.mark.torch
@pytest.mark.parametrize(
    "body",
    [
        "x = torch.ones(3, 5)\nnet(x)",  # inside a graph's tracing: shapes do not fit
        "net(torch.ones(2, 4), 1)",
        "def hook(*a): raise LookupError('hook')\nnet.linear.register_forward_hook(hook)\nnet(torch.ones(2, 4))",
        "try:\n    net(None)\nexcept Exception as e:\n    raise RuntimeError('wrapped') from e",
        "import threading\nt = threading.Thread(target=lambda: net(None), name='worker')\nt.start(); t.join()",
    ],
    ids=["shapes", "arguments", "hook", "cause", "thread"],
)
def test_a_failing_model_has_its_own_traceback(place: Place, body: str) -> None:
    place.write("script.py", f"{NET}\n{body}\n")
    plain = place.python("script.py")
    done = place.g2("script.py")
    assert "Traceback" in plain.err
    assert done.err == plain.err
    assert (done.code or 0) in (plain.code, 1)


RAISES = f"""{NET}
class Deep(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = net
        self.table = torch.nn.Embedding(4, 4)

    def forward(self, x, wanted):
        h = self.net(x)
        if h.sum() > -1e9:
            h = h + 1
        if wanted == "value":
            raise ValueError("wanted")
        if wanted == "index":
            return self.table(h.long() + 9)
        return h

deep = Deep()
deep(torch.ones(2, 4), "")
"""


def _line(text: str, part: str) -> int:
    return next(n for n, line in enumerate(text.split("\n"), 1) if part in line)


@pytest.mark.torch
def test_an_error_behind_a_break_has_its_own_traceback(place: Place) -> None:
    place.write("script.py", f"{RAISES}\ndeep(torch.ones(2, 4), 'value')\n")
    plain = place.python("script.py")
    done = place.g2("script.py")
    assert (done.code, done.err) == (1, plain.err)
    assert "(ValueError: wanted" not in done.err
    assert {line for _, line, _ in done.places()} == {11, _line(RAISES, "if h.sum() > -1e9")}


@pytest.mark.torch
def test_an_error_while_a_graph_runs_names_the_scripts_lines(place: Place) -> None:
    place.write("script.py", f"{RAISES}\ndeep(torch.ones(2, 4), 'index')\n")
    done = place.g2("script.py")
    assert done.code == 1
    assert done.err.startswith("Traceback (most recent call last):\n")
    assert done.err.endswith("IndexError: index out of range in self\n")
    line = _line(RAISES, "return self.table")
    assert f"line {line}, in forward\n    return self.table(h.long() + 9)" in done.err
    for noise in ("eval_with_key", "g2", "_dynamo", "capture/", "FX-traced"):
        assert noise not in done.err


@pytest.mark.torch
def test_raises_after_capture_and_keeps_what_was_seen(place: Place) -> None:
    place.write("script.py", f"{NET}\nnet(torch.ones(2, 4))\n{{}}['key']\n")
    done = place.run([G2, "explain", "--once", "script.py"])
    assert done.code == 1
    assert "script.py:11" in done.err
    assert "The script failed: KeyError: 'key'" in done.err
    assert done.err.count("Traceback") == 1


TORCH_SCRIPTS = {
    "changes its arguments and path": (
        "import sys\nsys.argv[:] = ['x']\nsys.path.pop(0)\nnet(torch.ones(2, 4))",
        "",
    ),
    "changes the directory": (
        "import os\nos.makedirs('elsewhere'); os.chdir('elsewhere')\nnet(torch.ones(2, 4))",
        "",
    ),
    "deletes its own source": ("import os\nos.remove('script.py')\nnet(torch.ones(2, 4))", ""),
    "traces lines": (
        "import sys\nn = []\nsys.settrace(lambda *a: n.append(1))\nnet(torch.ones(2, 4))\n"
        "sys.settrace(None)\nprint(len(n) > 0)",
        "True\n",
    ),
    "warnings as errors": (
        "import warnings\nwarnings.simplefilter('error')\nfor n in (2, 3, 4): net(torch.ones(n, 4))",
        "",
    ),
    "calls in threads": (
        "import threading\nts = [threading.Thread(target=net, args=(torch.ones(2, 4),)) for _ in range(4)]\n"
        "[t.start() for t in ts]\n[t.join() for t in ts]",
        "",
    ),
    "calls in a coroutine": (
        "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return net(torch.ones(2, 4))\n"
        "print(asyncio.run(f()).shape)",
        "torch.Size([2, 4])\n",
    ),
    "calls deep in a recursion": (
        "def f(n):\n    return net(torch.ones(2, 4)) if n == 0 else f(n - 1)\n"
        "print(f(880).shape)\nnet(torch.ones(2, 4))",
        "torch.Size([2, 4])\n",
    ),
    "calls at exit": (
        "import atexit\natexit.register(lambda: print(net(torch.ones(2, 4)).shape))",
        "torch.Size([2, 4])\n",
    ),
    "copies the model": ("import copy\nnet(torch.ones(2, 4))\ncopy.deepcopy(net)(torch.ones(2, 4))", ""),
    "resets Dynamo": ("net(torch.ones(2, 4))\ntorch._dynamo.reset()\nnet(torch.ones(2, 4))", ""),
    "configures Dynamo": (
        "import torch._dynamo\ntorch._dynamo.config.suppress_errors = True\ntorch._dynamo.config.recompile_limit = 1\n"
        "for n in (2, 3, 4): net(torch.ones(n, 4))",
        "",
    ),
    "has a default device": ("torch.set_default_device('cpu')\nnet(torch.ones(2, 4))", ""),
    "runs in inference mode": ("with torch.inference_mode():\n    net(torch.ones(2, 4))", ""),
    "has a very long line": (f"net(torch.ones(2, 4)); x = [{'1, ' * 100_000}]", ""),
    "pickles classes of its own": (
        "import pickle\nnet(torch.ones(2, 4))\nnew = pickle.loads(pickle.dumps(net))\n"
        "print(type(new) is Net, Net.__module__)",
        "True __main__\n",
    ),
    "looks at its modules": (
        "import sys\nnet(torch.ones(2, 4))\nprint('g2' in sys.modules, sys.modules['__main__'].Net is Net, __file__)",
        "False True script.py\n",
    ),
}


@pytest.mark.torch
@pytest.mark.parametrize("body, out", TORCH_SCRIPTS.values(), ids=TORCH_SCRIPTS)
def test_unusual_scripts_are_captured_all_the_same(place: Place, body: str, out: str) -> None:
    place.write("script.py", f"{NET}\n{body}\n")
    done = place.g2("script.py")
    assert (done.out.replace(f"{place.work}/", ""), done.err) == (out, "")
    assert done.code == 1
    (found,) = {(Path(path).name, line, reason) for path, line, reason in done.places() if reason == "tensor-branch"}
    assert found == PLACE[0]


@pytest.mark.torch
@pytest.mark.parametrize(
    "body",
    ["import sys\nsys.path.clear()", "import os\nos.makedirs('gone'); os.chdir('gone'); os.rmdir('../gone')"],
    ids=["empty sys.path", "no directory"],
)
def test_a_script_in_which_dynamo_cannot_be_imported_runs_all_the_same(place: Place, body: str) -> None:
    place.write("script.py", f"{NET}\n{body}\nprint(net(torch.ones(2, 4)).shape)\n")
    done = place.g2("script.py")
    assert (done.out, done.err) == ("torch.Size([2, 4])\n", "")
    assert "torch._dynamo could not be imported" in done.lost


@pytest.mark.torch
@pytest.mark.parametrize("reset", ["torch._dynamo.reset()", "torch.compile(net)(torch.ones(2, 4))"])
def test_a_break_is_told_again_after_a_reset(place: Place, reset: str) -> None:
    place.write("script.py", f"{NET}\nnet(torch.ones(2, 4))\n{reset}\nnet(torch.ones(2, 4))\n")
    done = place.g2("script.py")
    assert done.places() == PLACE
    assert done.report is not None
    assert done.report["breaks"][0]["count"] == (2 if "reset" in reset else 1)


@pytest.mark.torch
def test_what_a_script_saves_loads_without_g2(place: Place) -> None:
    place.write("model.py", NET)
    place.write(
        "save.py",
        "import torch\nfrom model import net\nnet(torch.ones(2, 4))\ntorch.save(net, 'plain.pt')\n"
        "compiled = torch.compile(net)\ncompiled(torch.ones(2, 4))\ntorch.save(compiled, 'compiled.pt')\n"
        "torch.save(compiled.state_dict(), 'state.pt')\n",
    )
    place.write(
        "load.py",
        "import sys\nsys.meta_path = [f for f in sys.meta_path if 'g2' not in str(f).lower()]\nimport torch\n"
        "for name in ('plain.pt', 'compiled.pt'):\n    net = torch.load(name, weights_only=False)\n"
        "    print(net(torch.ones(2, 4)).shape, [m for m in sys.modules if m.startswith('g2')])\n"
        "print(len(torch.load('state.pt')))\n",
    )
    done = place.g2("save.py")
    assert (done.code, done.err) == (1, "")
    loaded = place.python("load.py")
    assert loaded.out == "torch.Size([2, 4]) []\ntorch.Size([2, 4]) []\n2\n", loaded.err


def _metadata(folder: Path, version: str) -> str:
    """A folder for PYTHONPATH in which torch claims to be of this version."""
    info = folder / f"torch-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
    return str(folder)


@pytest.mark.parametrize("version", ["2.10.1", "1.13.0+cu117"])
def test_an_old_torch_is_refused(place: Place, tmp_path: Path, version: str) -> None:
    place.write("script.py", "print('ran')")
    done = place.g2("script.py", environ={"PYTHONPATH": _metadata(tmp_path / "old", version)})
    refused(done, f"g2 needs torch 2.11 or newer; this environment has {version}", "pip install")


@pytest.mark.parametrize("version", ["2.16.0", "2.17.0.dev20270101+cpu", "3.0"])
def test_a_torch_newer_than_known_is_a_warning(place: Place, tmp_path: Path, version: str) -> None:
    place.write("script.py", "print('ran')")
    done = place.g2("script.py", environ={"PYTHONPATH": _metadata(tmp_path / "new", version)})
    assert (done.code, done.out) == (0, "ran\n")
    assert f"torch {version} is newer than the versions g2 was tried with" in done.lost


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a virtual environment that has g2 and what g2's own process needs, and no torch."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "g2").mkdir()
    for room in ("cli", "capture", "explain", "rewrite", "check"):
        (site / "g2" / room).symlink_to(ROOT / room)
    for name in ("click", "rich", "platformdirs", "pygments", "markdown_it", "mdurl"):
        spec = find_spec(name)
        assert spec is not None and spec.origin is not None
        (site / name).symlink_to(Path(spec.origin).parent)
    info = site / "g2_torch-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: g2-torch\nVersion: {importlib.metadata.version('g2-torch')}\n"
    )
    return folder / "bin" / "python"


def test_no_torch(place: Place, bare: Path) -> None:
    place.write("script.py", "print('ran')")
    done = place.run([str(bare), "-P", "-m", "g2.cli", "explain", "script.py"])
    refused(done, "torch is not installed in this Python", "-m pip install torch")


def test_no_start_up_file(place: Place, bare: Path, tmp_path: Path) -> None:
    place.write("script.py", "print('ran')")
    environ = {"PYTHONPATH": _metadata(tmp_path / "new", "2.13.0")}
    done = place.run([str(bare), "-P", "-m", "g2.cli", "explain", "script.py"], environ=environ)
    assert done.code == 2
    assert "g2's start-up file is missing" in done.err
    assert "--force-reinstall" in done.err


def test_records_that_cannot_be_read(place: Place) -> None:
    place.write("script.py", "print('ran')")
    assert place.g2("script.py").code == 0
    (run,) = (place.state / "runs").iterdir()
    session = run / "session.json"
    good = session.read_text()
    for text, said, code in (
        (json.dumps({**json.loads(good), "format": 99}), "this g2 reads up to format", 2),
        (good[: len(good) // 2], "the record is damaged", 2),
        ("\0" * 100, "the record is damaged", 2),
        ("[]", "the record is damaged", 2),
        (good, "", 0),
    ):
        session.write_text(text)
        done = place.run([G2, "show"])
        assert done.code == code
        assert said in done.err
        assert "Traceback" not in done.err
    assert place.g2("script.py").code == 0


def test_the_working_directory_is_gone(place: Place, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = place.work / place.write("script.py", "print('ran')")
    done = place.run(["sh", "-c", f'cd "{gone}" && rmdir "{gone}" && exec "{G2}" explain "{script}"'])
    refused(done, "the working directory does not exist any more")
