"""Other text for source files: the script must not be able to tell it from a changed file."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from g2.capture import overlay

SHOW = """
import sys
print(sorted(globals()), __file__, __spec__ and __spec__.name, __package__, type(__loader__).__name__)
print(sys.argv, sys.path[:2])
"""


def run(folder: Path, words: list[str], files: dict[str, bytes] | None = None) -> subprocess.CompletedProcess[str]:
    env = {name: text for name, text in os.environ.items() if name != "G2_RECORD"}
    if files is not None:
        record = folder.parent / "record"
        record.mkdir(exist_ok=True)
        overlay.write(record, files)
        env["G2_RECORD"] = str(record)
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "place"
    found.mkdir()
    return found


def same(folder: Path, words: list[str], changed: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run with the new text served and with the new text in the files: stdout, stderr and exit code are the same."""
    served = run(folder, words, {str(folder / name): text.encode() for name, text in changed.items()})
    for name, text in changed.items():
        (folder / name).write_text(text)
    written = run(folder, words)
    assert (served.stdout, served.stderr, served.returncode) == (written.stdout, written.stderr, written.returncode)
    return served


@pytest.mark.parametrize(
    "words", [["script.py", "a"], ["./script.py"], ["-uW", "error", "script.py"], ["-P", "script.py"]]
)
def test_the_script_itself(folder: Path, words: list[str]) -> None:
    (folder / "script.py").write_text("print('old')")
    assert "new" in same(folder, words, {"script.py": f"'''About.'''\n{SHOW}\nprint('new', __doc__)\n"}).stdout


def test_a_linked_script_and_a_link_to_a_module(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "real" / "script.py").write_text("print('old')")
    (folder / "real" / "other.py").write_text("text = 'old'")
    (folder / "script.py").symlink_to("real/script.py")
    changed = {"real/script.py": f"{SHOW}\nimport other; print(other.text)", "real/other.py": "text = 'new'"}
    assert "new" in same(folder, ["script.py"], changed).stdout


def test_exit_code_and_traceback(folder: Path) -> None:
    (folder / "script.py").write_text("pass")
    assert same(folder, ["script.py"], {"script.py": "raise SystemExit(7)"}).returncode == 7
    done = same(folder, ["script.py"], {"script.py": "def f():\n    1 / 0  # new\n\n\nf()\n"})
    assert "# new" in done.stderr
    assert done.returncode == 1
    done = run(folder, ["script.py"], {str(folder / "script.py"): b"def f(:\n"})
    assert "SyntaxError" in done.stderr
    assert done.returncode == 1


def test_a_module_a_package_and_a_folder(folder: Path) -> None:
    (folder / "pack").mkdir()
    for name in ("pack/__init__.py", "pack/__main__.py", "pack/part.py"):
        (folder / name).write_text("")
    changed = {"pack/__main__.py": f"{SHOW}\nfrom pack import part; print(part.text)", "pack/part.py": "text = 'new'"}
    assert "new" in same(folder, ["-m", "pack"], changed).stdout
    (folder / "pack" / "__main__.py").write_text("")
    assert "SourceFileLoader" in same(folder, ["pack"], {"pack/__main__.py": SHOW}).stdout


def test_the_cache_of_an_older_text_is_not_used(folder: Path) -> None:
    (folder / "other.py").write_text("text = 'old'")
    (folder / "script.py").write_text("import other; print(other.text)")
    assert run(folder, ["script.py"]).stdout == "old\n"
    done = run(folder, ["script.py"], {str(folder / "other.py"): b"text = 'new'"})
    assert done.stdout == "new\n"
    assert run(folder, ["script.py"]).stdout == "old\n"  # nor was a cache of the new one written


def test_source_is_what_runs(folder: Path) -> None:
    (folder / "other.py").write_text("def f():\n    return 'old'\n")
    text = """
import importlib, inspect, linecache, other, pkgutil, runpy
def own():
    return "new"
print(inspect.getsource(own), inspect.getsource(other.f), other.f())
linecache.clearcache(); linecache.checkcache()
print(inspect.getsource(other.f), pkgutil.get_data("other", "other.py"), other.__loader__.get_source("other"))
print(importlib.reload(other).f(), runpy.run_path("other.py")["f"]())
"""
    (folder / "script.py").write_text("")
    changed = {"script.py": text, "other.py": "def f():\n    return 'brand new'\n"}
    assert same(folder, ["script.py"], changed).stdout.count("brand new") == 7


def test_spawned_workers_have_the_same_text(folder: Path) -> None:
    text = """
import multiprocessing as m, other
class Own:
    def __call__(self): print("new", other.text, __name__, flush=True)
if __name__ == "__main__":
    for way in ("spawn", "forkserver"):
        p = m.get_context(way).Process(target=Own()); p.start(); p.join()
"""
    for name in ("script.py", "other.py"):
        (folder / name).write_text("text = 'old'")
    assert (
        "new newer __mp_main__" in same(folder, ["script.py"], {"script.py": text, "other.py": "text = 'newer'"}).stdout
    )


def test_encoding_and_line_ends_are_the_files_own(folder: Path) -> None:
    for name in ("script.py", "other.py"):
        (folder / name).write_text("")
    latin = "# -*- coding: latin-1 -*-\r\ntext = 'caf\xe9'\r\n".encode("latin-1")
    script = "\ufeffimport other, linecache\nprint(ascii(other.text), linecache.getlines('other.py'))".encode()
    done = run(folder, ["script.py"], {str(folder / "script.py"): script, str(folder / "other.py"): latin})
    assert done.stdout.startswith("'caf\\xe9'"), done.stderr


def test_a_module_in_an_archive(folder: Path) -> None:
    with zipfile.ZipFile(folder / "lib.zip", "w") as archive:
        archive.writestr("pack/part.py", "def f():\n    return 'old'\n")
        archive.writestr("pack/__init__.py", "")
    (folder / "script.py").write_text(
        f"import sys; sys.path.insert(0, {str(folder / 'lib.zip')!r})\n"
        "import inspect, pack.part as p\nprint(p.f(), inspect.getsource(p.f))"
    )
    place = str(folder / "lib.zip" / "pack" / "part.py")
    done = run(folder, ["script.py"], {place: b"def f():\n    return 'new'\n"})
    assert done.stdout == "new def f():\n    return 'new'\n\n"
    assert overlay.Overlay({}).original(place) == b"def f():\n    return 'old'\n"


def test_nothing_is_served_where_nothing_is_asked(folder: Path, tmp_path: Path) -> None:
    overlay.write(tmp_path, {})
    assert not overlay.serve(tmp_path)
    (folder / "script.py").write_text(SHOW + "import linecache; print(linecache.updatecache.__code__.co_filename)")
    assert run(folder, ["script.py"], {}).stdout == run(folder, ["script.py"]).stdout
