"""What g2 fix makes of files that are not as it would like them: many of them in each run, which is what takes time."""

from __future__ import annotations

import json
import os
import py_compile
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from whole import G2, Place

BODY = """\
import torch


class {name}(torch.nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            x = x * 2
        return x
"""
WHERE = "x = torch.where(x.sum() > 0, x * 2, x)"
CURED = BODY.replace("        if x.sum() > 0:\n            x = x * 2\n", f"        {WHERE}\n")
MAIN = """\
import torch
{imports}

for kind in ({kinds}):
    net = kind()
    print(kind.__name__, net(torch.full((2, 3), 0.5)).tolist())
"""

pytestmark = pytest.mark.torch


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def fix(place: Place, *words: str, code: int = 1) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [G2, "fix", "-q", *words],
        cwd=place.work,
        env=place.environ,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def found(place: Place, *words: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(fix(place, "--format", "json", *words).stdout)
    return said


def main_of(*kinds: str, head: str = "") -> str:
    """A script that calls a module of each kind, which stands in the file of its name, once."""
    imports = head + "\n".join(f"from {kind.lower()} import {kind}" for kind in kinds)
    return MAIN.format(imports=imports, kinds=", ".join(kinds) + ",")


def applied(place: Place, before: dict[str, bytes], after: dict[str, bytes], script: str) -> None:
    """Write `before` and the script, have g2 fix apply all, and look: the bytes, what is printed, the way back."""
    for name, data in before.items():
        place.write(name, data)
    place.write("run.py", script)
    plain = place.python("run.py")
    assert plain.code == 0, plain.err
    fix(place, "--apply", "--unsafe", "--mine", "run.py", code=0)
    assert {name: (place.work / name).read_bytes() for name in after} == after
    again = place.python("run.py")
    assert (again.code, again.out) == (0, plain.out)
    fix(place, "--undo", code=0)
    assert {name: (place.work / name).read_bytes() for name in before} == before


def mixed(body: str) -> str:
    text = body.format(name="Mixed").replace("Module):\n", "Module):\r\n")
    return text.replace("* 2\n", "* 2\r\n").replace("2, x)\n", "2, x)\r\n")


def test_bytes_outside_the_edit_are_kept(place: Place) -> None:
    latin = "# -*- coding: latin-1 -*-\n# größer\n"
    before = {
        "tabs.py": BODY.format(name="Tabs").replace("    ", "\t").encode(),
        "mixed.py": BODY.format(name="Mixed")
        .replace("Module):\n", "Module):\r\n")
        .replace("x * 2\n", "x * 2\r\n")
        .encode(),
        "crlf.py": BODY.format(name="Crlf").replace("\n", "\r\n").encode(),
        "latin.py": (latin + BODY.format(name="Latin").replace("x * 2", "x * 2  # é")).encode("latin-1"),
        "bom.py": b"\xef\xbb\xbf" + BODY.format(name="Bom").rstrip("\n").encode(),
    }
    after = {
        "tabs.py": CURED.format(name="Tabs").replace("    ", "\t").encode(),
        "mixed.py": mixed(CURED).encode(),
        "crlf.py": CURED.format(name="Crlf").replace("\n", "\r\n").encode(),
        "latin.py": (latin + CURED.format(name="Latin").replace(WHERE, f"{WHERE}  # é")).encode("latin-1"),
        "bom.py": b"\xef\xbb\xbf" + CURED.format(name="Bom").rstrip("\n").encode(),
    }
    applied(place, before, after, main_of("Tabs", "Mixed", "Crlf", "Latin", "Bom"))


SYNTAX = {
    "decorated.py": (
        """\
import functools

import torch
from torch import Tensor


def noted(function):
    @functools.wraps(function)
    def inner(*args):
        # type: (...) -> Tensor
        return function(*args)

    return inner


class Decorated(torch.nn.Module):
    @noted  # a decorator
    # and a comment between
    def forward(self, x):
        # type: (Tensor) -> Tensor
        # before the branch
        if x.sum() > 0:  # on the test
            # in the branch
            x = x * 2  # on the line
        # behind it
        return x
""",
        """\
        if x.sum() > 0:  # on the test
            # in the branch
            x = x * 2  # on the line
""",
        """\
        # on the test
        # in the branch
        x = torch.where(x.sum() > 0, x * 2, x)  # on the line
""",
    ),
    "modern.py": (
        """\
import torch


class Modern(torch.nn.Module):
    def forward(self, x, kind="double"):
        match kind:
            case "double" if (n := x.dim()) > 0:
                if (total := x.sum()) > 0:
                    x = x * 2
                x = x + total * n
            case _:
                raise ValueError(f"{kind!r:>{10}} is no kind")
        return x
""",
        """\
                if (total := x.sum()) > 0:
                    x = x * 2
""",
        """\
                x = torch.where((total := x.sum()) > 0, x * 2, x)
""",
    ),
    "one_line.py": (
        """\
import torch


class One_Line(torch.nn.Module):
    def forward(self, x):
        name = f"{x.shape[0]:>3}{'x'!r}"
        if x.sum() > 0: x = x + len(name)
        return x
""",
        "        if x.sum() > 0: x = x + len(name)\n",
        "        x = torch.where(x.sum() > 0, x + len(name), x)\n",
    ),
    "two.py": (
        """\
import torch


class Two(torch.nn.Module):
    def forward(self, x):
        return x * x.max().item() + x.min().item()
""",
        "x * x.max().item() + x.min().item()",
        "x * x.max().detach() + x.min().detach()",
    ),
}


@pytest.mark.slow
def test_syntax_of_all_kinds_and_two_breaks_on_one_line(place: Place) -> None:
    before = {name: text.encode() for name, (text, _, _) in SYNTAX.items()}
    after = {name: text.replace(old, new).encode() for name, (text, old, new) in SYNTAX.items()}
    assert all(before[name] != after[name] for name in SYNTAX)
    applied(place, before, after, main_of("Decorated", "Modern", "One_Line", "Two"))


SHARED = """\
import torch


def doubled(x):
    if x.sum() > 0:
        x = x * 2
    return x


class Shared(torch.nn.Module):
    def forward(self, x):
        return doubled(x) + 1


class Other(torch.nn.Module):
    def forward(self, x):
        return doubled(x) - 1
"""
COLLIDE = """\
from torch import nn

torch = "not the module"


class Collide(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            x = x * 2
        return x
"""
MISSING = '''\
"""Has two branches, and not the name `torch`."""

from torch import nn


class Missing(nn.Module):
    def forward(self, x, condition=None):
        if x.sum() > 0:
            x = x * 2
            x = x + 1
        if x.mean() > 1:
            x = x - 1
        return x
'''


@pytest.mark.slow
def test_names_imports_and_one_place_reached_from_two_classes(place: Place) -> None:
    before = {"shared.py": SHARED.encode(), "collide.py": COLLIDE.encode(), "missing.py": MISSING.encode()}
    text = MISSING.replace("from torch import nn\n", "import torch\nfrom torch import nn\n")
    text = text.replace(
        "        if x.mean() > 1:\n            x = x - 1\n", "        x = torch.where(x.mean() > 1, x - 1, x)\n"
    )
    text = text.replace(
        "        if x.sum() > 0:\n            x = x * 2\n            x = x + 1\n",
        "        condition_2 = x.sum() > 0\n        x = torch.where(condition_2, x * 2, x)\n"
        "        x = torch.where(condition_2, x + 1, x)\n",
    )
    after = {
        "shared.py": SHARED.replace("    if x.sum() > 0:\n        x = x * 2\n", f"    {WHERE}\n").encode(),
        "collide.py": COLLIDE.replace("from torch", "import torch as th\nfrom torch")
        .replace("        if x.sum() > 0:\n            x = x * 2\n", f"        {WHERE.replace('torch', 'th')}\n")
        .encode(),
        "missing.py": text.encode(),
    }
    script = main_of("Shared", "Collide", "Missing").replace("import Shared", "import Other, Shared")
    applied(place, before, after, script.replace("(Shared,", "(Shared, Other,"))


CELLS = """\
import linecache
CELLS = []
for number, name in enumerate({names!r}):
    text = {text!r}.replace("{{name}}", f"Cell{{number}}")
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space = {{"__name__": "__main__"}}
    exec(compile(text, name, "exec"), space)
    CELLS.append(space[f"Cell{{number}}"])
"""


def test_what_has_no_source_is_left_alone_and_named(place: Place) -> None:
    with zipfile.ZipFile(place.work / "z.zip", "w") as archive:
        archive.writestr("zipped.py", BODY.format(name="Zipped"))
    source = place.work / place.write("sourceless.py", BODY.format(name="Sourceless"))
    py_compile.compile(str(source), cfile=str(source.with_suffix(".pyc")))
    source.unlink()
    deep = "+".join(["1"] * 900)  # which Python reads, and libcst does not
    place.write("deep.py", BODY.format(name="Deep").replace("return x", f"return x * ({deep})"))
    executed = f'space = {{}}\nexec("""{BODY.format(name="Executed")}""", space)\nExecuted = space["Executed"]\n'
    dumped = place.write("ipykernel_42/7.py", BODY.format(name="Dumped"))  # as the debugger of ipykernel does
    cells = ("<ipython-input-1-0123456789ab>", "/tmp/ipykernel_4242/1234567.py", str(place.work / dumped), "Cell In[3]")
    executed += CELLS.format(text=BODY, names=cells)
    head = f'import sys\nsys.path.insert(0, "z.zip")\n{executed}'
    script = main_of("Zipped", "Sourceless", "Deep", head=head)
    place.write("run.py", script.replace("(Zipped,", "(Executed, *CELLS, Zipped,"))
    before = {path.name: path.read_bytes() for path in place.work.iterdir() if path.is_file()}
    result = found(place, "--apply", "--unsafe", "run.py")
    assert result["offers"] == []
    said = {one["place"]["span"]["path"].rpartition("/")[2]: " ".join(one["why"]) for one in result["alone"]}
    assert said["zipped.py"] == "it is inside the archive `z.zip`"
    assert said["sourceless.py"] == "there is no `sourceless.py`: the module was loaded without its source"
    assert said["<string>"] == "its code is in no file: it was made while the script ran"
    for cell in ("<ipython-input-1-0123456789ab>", "1234567.py", "7.py"):
        assert said[cell] == "it is a cell of a notebook, which is changed there"
    assert said["Cell In[3]"] == "its code is in no file: it was made while the script ran"
    assert said["deep.py"].startswith("`deep.py` was not opened: libcst cannot parse it")
    assert {path.name: path.read_bytes() for path in place.work.iterdir() if path.is_file()} == before


@pytest.mark.slow
def test_links_files_that_are_read_only_and_files_that_change(place: Place) -> None:
    place.write("real/file.py", BODY.format(name="Linked"))
    (place.work / "linked.py").symlink_to("real/file.py")
    place.write("guarded.py", BODY.format(name="Guarded"))
    place.write("run.py", main_of("Linked", "Guarded"))
    (place.work / "guarded.py").chmod(0o444)
    fix(place, "run.py")
    refused = fix(place, "--apply", "--unsafe", code=2)
    assert "guarded.py: it is read-only" in refused.stderr and "git apply" in refused.stderr
    assert (place.work / "linked.py").read_text() == BODY.format(name="Linked")  # all or none
    (place.work / "guarded.py").chmod(0o644)
    patch = fix(place, "--diff", "--unsafe").stdout
    assert "+++ b/guarded.py" in patch
    fix(place, "--apply", "--unsafe", code=0)
    assert (place.work / "linked.py").is_symlink()
    assert (place.work / "real/file.py").read_text() == CURED.format(name="Linked")
    fix(place, "--undo", code=0)
    # A change behind the record's back: what was found out does not hold, and the script is run again.
    place.write("guarded.py", BODY.format(name="Guarded").replace("x * 2", "x * 3"))
    later = (place.work / "guarded.py").stat().st_mtime + 100
    os.utime(place.work / "guarded.py", (later, later))
    fix(place, "--apply", "--unsafe", code=0)
    assert (place.work / "guarded.py").read_text() == CURED.format(name="Guarded").replace("x * 2", "x * 3")
