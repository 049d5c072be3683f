"""Patch packs: served as they are written, read back as they were, and left alone where a library has changed."""

from __future__ import annotations

import ast
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import zipfile
from importlib.util import decode_source
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from g2.rewrite import pack_served
from g2.rewrite.apply import apply
from g2.rewrite.diff import unified_bytes
from g2.rewrite.pack import Hunk, Pack, PackError, Patch, joined, made, placed, read, unpackable
from g2.rewrite.pack_changes import changes, importers, located, status, unimports
from g2.rewrite.pack_import import LINE, imported, with_import, without_import
from g2.rewrite.source import Source
from g2.rewrite.undo import undo

MODEL = '''\
"""A model."""


class Model:
    def forward(self, x):
        if x > 0:
            return x * 2
        return x

    def fail(self):
        raise ValueError("old")
'''
NEW = (
    MODEL.replace("        if x > 0:\n            return x * 2\n        return x\n", "        return x * 3\n")
    .replace('"""A model."""\n', '"""A model."""\n\nimport math\n')
    .replace('"old"', '"new"')
)  # fmt: skip


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages with a library in it, on sys.path."""
    folder = tmp_path / "env" / "site-packages"
    for name, text in {
        "lib/__init__.py": "def __getattr__(name):\n    import importlib\n"
        "    return getattr(importlib.import_module('lib.model'), name)\n",
        "lib/model.py": MODEL,
        "lib/sub/__init__.py": "VALUE = 1\n",
        "space/part/one.py": "VALUE = 1\n",
        "lib_torch-1.2.dist-info/METADATA": "Name: lib-torch\nVersion: 1.2\n\n",
        "lib_torch-1.2.dist-info/RECORD": "lib/__init__.py,,\nlib/model.py,,\nspace/part/one.py,,\n",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return folder


def write(site: Path, **texts: str) -> Pack:
    """A pack in the working directory; names are modules with _ for the dots."""
    pack = Pack(Path.cwd())
    for name, text in texts.items():
        path = site / (name.replace("_", "/") + ".py")
        pack = pack.with_patch(made(str(path), text.encode(), [f"{name} is better."]))
    apply(changes(Pack(Path.cwd()), pack), Path.cwd().parent / "state", str(Path.cwd()))
    return pack


def run(site: Path, script: str, *, code: int = 0, flags: tuple[str, ...] = ()) -> tuple[str, str]:
    """The streams of a script beside the pack, run by Python alone."""
    Path("script.py").write_text(textwrap.dedent(script))
    env = {**os.environ, "PYTHONPATH": str(site)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, *flags, "script.py"], capture_output=True, text=True, env=env, timeout=120, check=False
    )
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr


# What is served


def test_the_patched_text_runs(site: Path) -> None:
    write(site, lib_model=NEW)
    script = "import g2_patches\nfrom lib.model import Model\nprint(Model().forward(2), Model.__module__)\n"
    assert run(site, script, flags=("-W", "error")) == ("6 lib.model\n", "")
    assert run(site, script.replace("import g2_patches", ""))[0] == "4 lib.model\n"
    assert (site / "lib" / "model.py").read_text() == MODEL


FORWARD = "lib.model.Model().forward(2)"
WAYS = {
    "lazy": ("lib/model", NEW, "import lib; print(lib.Model().forward(2))", "6"),
    "package": ("lib/__init__", "A = 2\n", "import lib; print(lib.A, bool(lib.__path__))", "2 True"),
    "subpackage": ("lib/sub/__init__", "VALUE = 2\n", "from lib.sub import VALUE; print(VALUE)", "2"),
    "namespace": ("space/part/one", "VALUE = 2\n", "import space.part.one as one; print(one.VALUE)", "2"),
    "runpy": ("lib/model", NEW, "import runpy; print(runpy.run_module('lib.model')['Model']().forward(2))", "6"),
    "reload": ("lib/model", NEW, f"import importlib, lib.model; importlib.reload(lib.model); print({FORWARD})", "6"),
    "reloaded pack": (
        "lib/model", NEW,
        "import importlib, lib.model; importlib.reload(g2_patches); importlib.reload(lib.model)\n"
        f"print({FORWARD})", "6",
    ),
    "pickle": ("lib/model", NEW, "import lib, pickle; print(pickle.loads(pickle.dumps(lib.Model))().forward(2))", "6"),
    "data": ("lib/model", NEW, "import pkgutil; print(len(pkgutil.get_data('lib', 'model.py')))", str(len(MODEL))),
    "resources": (
        "lib/__init__", "A = 2\n",
        "from importlib.resources import files; print(files('lib').joinpath('model.py').is_file())", "True",
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_importing(site: Path, way: str) -> None:
    file, text, script, printed = WAYS[way]
    pack = Pack(Path.cwd()).with_patch(made(str(site / f"{file}.py"), text.encode()))
    apply(changes(Pack(Path.cwd()), pack), Path.cwd().parent / "state", str(Path.cwd()))
    assert run(site, f"import g2_patches\n{script}\n", flags=("-W", "error")) == (f"{printed}\n", "")


def test_tracebacks_and_inspect_show_what_runs(site: Path) -> None:
    write(site, lib_model=NEW)
    out, err = run(
        site,
        """
        import g2_patches, inspect, linecache
        from lib.model import Model
        print(inspect.getsource(Model.forward))
        linecache.clearcache()
        linecache.checkcache()
        print(inspect.getsource(Model.fail))
        Model().fail()
        """,
        code=1,
    )
    assert "return x * 3" in out
    assert 'raise ValueError("new")' in out
    assert '    raise ValueError("new")\n' in err
    number = NEW.splitlines().index('        raise ValueError("new")') + 1
    assert f'{site}/lib/model.py", line {number}, in fail' in err


def test_no_compiled_file_is_read_or_written(site: Path) -> None:
    plain = "import lib.model\nprint(lib.model.Model().forward(2))\n"
    write(site, lib_model=NEW)
    run(site, "import g2_patches\n" + plain)
    cache = site / "lib" / "__pycache__"
    assert not list(cache.glob("model.*.pyc"))
    assert run(site, plain)[0] == "4\n"  # writes one of the old text
    kept = {path: path.read_bytes() for path in cache.glob("model.*.pyc")}
    assert kept
    assert run(site, "import g2_patches\n" + plain)[0] == "6\n"
    assert {path: path.read_bytes() for path in cache.glob("model.*.pyc")} == kept


def test_started_processes_are_patched_too(site: Path) -> None:
    write(site, lib_model=NEW)
    script = """
        import g2_patches
        import multiprocessing
        from lib.model import Model

        def work(model, x):
            return type(model).forward(model, x)

        if __name__ == "__main__":
            for kind in ("spawn", "forkserver"):
                with multiprocessing.get_context(kind).Pool(1) as pool:
                    print(pool.starmap(work, [(Model(), 2)]))
        """
    assert run(site, script) == ("[6]\n[6]\n", "")


def test_line_ends_and_encodings(site: Path) -> None:
    path = site / "lib" / "model.py"
    data = "# coding: latin-1\r\nNAME = 'caf\xe9'\r\nOTHER = 1\r\n".encode("latin-1")
    path.write_bytes(data)
    patch = made(str(path), data.replace(b"OTHER = 1", b"OTHER = NAME + '\xe8'"))
    pack = Pack(Path.cwd()).with_patch(patch)
    apply(changes(Pack(Path.cwd()), pack), Path.cwd().parent / "state", str(Path.cwd()))
    out, _ = run(site, "import g2_patches, lib.model\nprint(ascii(lib.model.OTHER))\n")
    assert out == "'caf\\xe9\\xe8'\n"


# What is left alone


WARNED = "import g2_patches\nimport lib.model, lib.sub\nprint(lib.model.Model().forward(2), lib.sub.VALUE)\n"


def test_a_changed_file_is_left_alone(site: Path) -> None:
    write(site, lib_model=NEW)
    (site / "lib" / "model.py").write_text(MODEL + "# newer\n")
    out, err = run(site, WARNED)
    assert out == "4 1\n"
    assert err.count("UserWarning") == 1
    assert f"{site}/lib/model.py is not the file that its patch is for" in err
    assert "g2 patches drop lib-torch" in err
    assert "script.py:2" in err


def test_another_version_is_left_alone_with_one_warning(site: Path) -> None:
    pack = Pack(Path.cwd())
    for name in ("lib/model.py", "lib/sub/__init__.py"):
        pack = pack.with_patch(made(str(site / name), b"VALUE = 2\n"))
    apply(changes(Pack(Path.cwd()), pack), Path.cwd().parent / "state", str(Path.cwd()))
    (site / "lib_torch-1.2.dist-info").rename(site / "lib_torch-2.0.dist-info")
    (site / "lib_torch-2.0.dist-info" / "METADATA").write_text("Name: lib-torch\nVersion: 2.0\n\n")
    out, err = run(site, WARNED)
    assert out == "4 1\n"
    assert err.count("UserWarning") == 1
    assert "lib-torch 2.0 is installed, and its patches are for 1.2" in err


def test_a_library_without_metadata_is_judged_by_its_file(site: Path) -> None:
    write(site, lib_model=NEW)
    shutil.rmtree(site / "lib_torch-1.2.dist-info")
    assert run(site, WARNED) == ("6 1\n", "")


def test_what_is_imported_already_is_named(site: Path) -> None:
    write(site, lib_model=NEW)
    out, err = run(site, "import lib.model\nimport g2_patches\nprint(lib.model.Model().forward(2))\n")
    assert out == "4\n"
    assert "imported already, and left unpatched: lib.model. Put `import g2_patches` before" in err


def test_a_library_in_an_archive_is_left_alone(site: Path) -> None:
    write(site, lib_model=NEW)
    archive = site.parent / "lib.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in (site / "lib").rglob("*.py"):
            file.write(path, path.relative_to(site))
    out, err = run(archive, WARNED)
    assert out == "4 1\n"
    assert "lib.model is not loaded from an ordinary source file (zipimporter)" in err


def test_a_module_that_is_gone(site: Path) -> None:
    write(site, lib_model=NEW)
    (site / "lib" / "model.py").unlink()
    out, _ = run(site, "import g2_patches\ntry:\n    import lib.model\nexcept ImportError as e:\n    print(e)\n")
    assert out == "No module named 'lib.model'\n"


def test_a_finder_that_asks_the_others(site: Path) -> None:
    write(site, lib_model=NEW)
    script = """
        import g2_patches, sys
        class Asking:
            def find_spec(self, name, path=None, target=None):
                for other in sys.meta_path:
                    if other is not self and (spec := other.find_spec(name, path, target)):
                        return spec
        sys.meta_path.insert(0, Asking())
        import lib.model
        print(lib.model.Model().forward(2))
        """
    assert run(site, script) == ("6\n", "")


def test_hunks_go_only_where_they_belong() -> None:
    hunks = [{"line": 1, "old": [], "new": ["a"]}, {"line": 2, "old": ["y"], "new": ["b", "c"]}]
    assert pack_served.patched("x\ny\n", hunks) == "a\nx\nb\nc\n"
    with pytest.raises(ValueError, match="line 2"):
        pack_served.patched("x\nz\n", hunks)


# What is written


def test_the_file_needs_nothing_but_python(site: Path) -> None:
    write(site, lib_model=NEW)
    text = Path("g2_patches.py").read_text()
    wanted = {
        str(node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert wanted <= sys.stdlib_module_names
    assert len(text.splitlines()) - len(Path(pack_served.__file__).read_text().splitlines()) < 60
    assert '                "new": [\n                    "        return x * 3",\n                ],' in text


def test_what_is_written_is_read_back(site: Path) -> None:
    pack = write(site, lib_model=NEW)
    assert read(Path.cwd()) == pack
    assert pack.patches[0].notes == ("lib_model is better.",)
    assert read(Path.cwd().parent) == Pack(Path.cwd().parent)


LINES = st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=9), max_size=3)
HUNKS = st.lists(st.builds(Hunk, st.integers(1, 99), LINES.map(tuple), LINES.map(tuple)), max_size=3)


@given(hunks=HUNKS, word=st.text(max_size=9).filter(lambda text: text.isprintable()))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_patch_is_read_back(hunks: list[Hunk], word: str, tmp_path: Path) -> None:
    patch = Patch("a.b", "a/b.py", word, None, "0" * 64, tuple(hunks), (word,))
    pack = Pack(tmp_path, (patch,))
    (tmp_path / "g2_patches.py").write_text(pack.text(), "utf-8")
    assert read(tmp_path) == pack


@pytest.mark.parametrize("text", ["", "x = 1", "PATCHES: list = [f()]", "PATCHES: list = [{}]", "def", "\xff"])
def test_a_file_of_somebody_else_is_not_taken_for_a_pack(tmp_path: Path, text: str) -> None:
    (tmp_path / "g2_patches.py").write_bytes(text.encode("latin-1"))
    with pytest.raises(PackError, match="not a file that g2 wrote") as error:
        read(tmp_path)
    assert error.value.hint


def test_a_pack_is_extended_and_dropped_and_brought_back(site: Path) -> None:
    state, here = Path.cwd().parent / "state", str(Path.cwd())
    first = write(site, lib_model=NEW)
    assert sorted(p.name for p in Path("g2_patches").iterdir()) == ["lib.model.patch"]
    sub = site / "lib" / "sub" / "__init__.py"
    both = first.with_patch(made(str(sub), b"VALUE = 2\n"))
    apply(changes(first, both), state, here)
    assert [patch.module for patch in read(Path.cwd()).patches] == ["lib.model", "lib.sub"]
    apply(changes(both, both.without(["lib/model.py"])), state, here)
    assert sorted(p.name for p in Path("g2_patches").iterdir()) == ["lib.sub.patch"]
    apply(changes(read(Path.cwd()), Pack(Path.cwd())), state, here)
    assert not Path("g2_patches.py").exists()
    undo(state, here)
    undo(state, here)
    assert read(Path.cwd()) == both
    assert sorted(p.name for p in Path("g2_patches").iterdir()) == ["lib.model.patch", "lib.sub.patch"]


def test_two_patches_of_one_file(site: Path) -> None:
    path = str(site / "lib" / "model.py")
    one = made(path, MODEL.replace("* 2", "* 3").encode(), ["one"])
    other = made(path, MODEL.replace('"old"', '"new"').encode(), ["other"])
    both = joined(one, other)
    assert both.applied(MODEL.encode()) == MODEL.replace("* 2", "* 3").replace('"old"', '"new"').encode()
    assert both.notes == ("one", "other")
    assert joined(one, both) == both
    with pytest.raises(PackError, match="in another way at line 7"):
        joined(both, made(path, MODEL.replace("* 2", "* 4").encode()))


def test_status(site: Path) -> None:
    (patch,) = write(site, lib_model=NEW).patches
    path = site / "lib" / "model.py"
    assert (status(patch), located(patch)) == ("ok", path)
    path.write_text(MODEL + "\n")
    assert status(patch) == "changed"
    path.unlink()
    assert status(patch) == "gone"


def test_where_a_file_belongs() -> None:
    env = "/home/ada/.venv/lib/python3.11/site-packages"
    assert placed(f"{env}/lib/sub/__init__.py") == ("lib.sub", "lib/sub/__init__.py")
    assert placed(f"{env}/single.py") == ("single", "single.py")
    assert placed(f"{env}/lib-1.0-py3.11.egg/lib/a.py") == ("lib.a", "lib/a.py")
    for path in ("/usr/lib/python3.11/copy.py", "/home/ada/a.py", f"{env}/not-a-name/a.py"):
        with pytest.raises(PackError):
            placed(path)
    assert unpackable("/home/ada/a.py") == unpackable(f"{env}/single.py") == ""
    assert "not-a-name/a.py is no module" in unpackable(f"{env}/not-a-name/a.py")
    assert unpackable(tempfile.__file__) == "tempfile.py is part of Python itself, which no patch pack replaces"


def test_a_file_keeps_all_else_byte_for_byte(site: Path) -> None:
    path = site / "lib" / "model.py"
    data = b"a = 1\r\nb = 2\nc = 3\r\n\x0cd = 4"
    path.write_bytes(data)
    patch = made(str(path), data.replace(b"b = 2", b"b = 5"))
    assert patch.applied(data) == b"a = 1\r\nb = 5\r\nc = 3\r\n\x0cd = 4"
    assert made(str(path), data + b"\n").applied(data) == data + b"\r\n"
    assert made(str(path), data[:-6]).applied(data) == data[:-6]
    assert made(str(path), data).hunks == ()


PIECES = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\r\n", b"\n", b"x\xff\n", b"\x0c\n"]), max_size=30)


@given(before=PIECES, after=PIECES, ends=st.tuples(st.booleans(), st.booleans()))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_git_applies_any_diff(before: list[bytes], after: list[bytes], ends: tuple[bool, bool], tmp_path: Path) -> None:
    old, new = b"".join(before) + b"end" * ends[0], b"".join(after) + b"end" * ends[1]
    folder = tmp_path / "some lib"
    folder.mkdir(exist_ok=True)
    (folder / "a.py").write_bytes(old)
    diff = unified_bytes("some lib/a.py", old, new)
    assert bool(diff) == (old != new)
    if diff and old and new:  # git takes a file that becomes empty for one that is removed
        git(tmp_path, diff)
        assert (folder / "a.py").read_bytes() == new


def git(folder: Path, diff: bytes, *flags: str) -> None:
    done = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", *flags, "-"],
        cwd=folder, input=diff, capture_output=True, check=False,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode() + diff.decode("utf-8", "replace")


@pytest.mark.parametrize("name", ["a.py", "a b.py", 'quote".py', "tab\t.py", "caf\xe9.py", "back\\slash.py"])
@pytest.mark.parametrize("what", ["change", "new", "gone"])
def test_git_applies_under_any_name(tmp_path: Path, name: str, what: str) -> None:
    before, after = (None if what == "new" else b"x\n"), (None if what == "gone" else b"y\n")
    if before is not None:
        (tmp_path / name).write_bytes(before)
    git(tmp_path, unified_bytes(name, before, after))
    assert (tmp_path / name).read_bytes() == after if after is not None else not (tmp_path / name).exists()


def test_the_diffs_of_a_pack_apply_to_the_library(site: Path) -> None:
    write(site, lib_model=NEW)
    diff = Path("g2_patches/lib.model.patch").read_bytes()
    assert diff.startswith(b"# lib-torch 1.2\n# - lib_model is better.\n--- a/lib/model.py\n+++ b/lib/model.py\n@@")
    git(site, diff)
    assert (site / "lib" / "model.py").read_text() == NEW
    if shutil.which("patch"):
        subprocess.run(["patch", "-R", "-p1", "-s"], cwd=site, input=diff, check=True)
        assert (site / "lib" / "model.py").read_text() == MODEL


# The line in the script

HEADS = {
    "plain": ("", "import torch\n"),
    "shebang and comments": ("#!/usr/bin/env python\n# coding: utf-8\n# Copyright\n\n", "import torch\n"),
    "docstring": ('"""Trains.\n\nMore.\n"""\n\n', "import torch\n"),
    "future": ('"""Trains."""\nfrom __future__ import annotations\n\n', "import torch\nimport os\n"),
    "two futures": ("from __future__ import annotations\nfrom __future__ import (\n    division,\n)\n", "import os\n"),
    "code": ("", "print(1)\n"),
    "decorated": ("# c\n", "@f\ndef g():\n    pass\n"),
    "string that is no docstring": ("", 'import os\n"""text"""\n'),
    "inside try": ("", "try:\n    import torch\nexcept ImportError:\n    pass\n"),
    "no last newline": ("", "import torch"),
}


def source(text: str) -> Source:
    return Source("script.py", text.encode())


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", HEADS)
def test_where_the_line_goes(name: str, end: str) -> None:
    head, rest = (part.replace("\n", end) for part in HEADS[name])
    end = source(head + rest).newline
    after = with_import(source(head + rest))
    gap = "" if rest.startswith("import") else end
    assert after == f"{head}{LINE}{end}{gap}{rest}"
    assert with_import(source(after)) == after
    assert without_import(source(after)) == head + rest


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", LINE + "\n"),
        ('"""Doc."""', f'"""Doc."""\n{LINE}\n'),
        ('"""Doc."""; import torch\n', '"""Doc."""; import g2_patches; import torch\n'),
        ("from __future__ import division; x = 1\n", "from __future__ import division; import g2_patches; x = 1\n"),
        ("import os\nimport g2_patches\n", "import os\nimport g2_patches\n"),
        ("import g2_patches as p\n", "import g2_patches as p\n"),
    ],
)
def test_unusual_heads(before: str, after: str) -> None:
    assert with_import(source(before)) == after
    assert imported(source(after))


def test_lines_of_other_kinds_stay() -> None:
    for text in ("import os, g2_patches\n", "try:\n    import g2_patches\nexcept ImportError: ...\n", "x = 1\n"):
        assert without_import(source(text)) == text


def test_scripts_that_import_a_pack(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(LINE + "\nimport torch\n")
    (tmp_path / "b.py").write_text("import os, g2_patches\n")
    (tmp_path / "c.py").write_text("import torch\n")
    found = importers(tmp_path)
    assert [path.name for path in found] == ["a.py", "b.py"]
    taken, left = unimports(found)
    assert [(Path(change.path).name, change.after) for change in taken] == [("a.py", b"import torch\n")]
    assert [path.name for path in left] == ["b.py"]


def test_the_line_survives_a_sorter(tmp_path: Path) -> None:
    ruff = shutil.which("ruff") or str(Path(sys.executable).with_name("ruff"))
    if not Path(ruff).exists():
        pytest.skip("ruff is not installed")
    path = tmp_path / "script.py"
    path.write_text(with_import(source("import torch\n\nprint(torch)\n")))
    command = [ruff, "check", "--isolated", "--no-cache", "--select", "I,F401", "--fix", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert path.read_text().startswith(LINE + "\n")


def test_served_and_written_texts_agree(site: Path) -> None:
    (patch,) = write(site, lib_model=NEW).patches
    hunks = [{"line": h.line, "old": list(h.old), "new": list(h.new)} for h in patch.hunks]
    assert pack_served.patched(decode_source(MODEL.encode()), hunks) == NEW
    assert patch.applied(MODEL.encode()).decode() == NEW
    assert re.search(r"(?m)^install\(PATCHES\)$", io.StringIO(Path("g2_patches.py").read_text()).read())

