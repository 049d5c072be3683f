"""The rules of docs/architecture.md that a reviewer would otherwise have to remember."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 300  # lines in a file of g2's own packages

MAY_IMPORT = {
    "cli": {"cli", "capture", "explain", "rewrite", "check"},
    "capture": {"capture"},
    "explain": {"explain", "capture"},
    "rewrite": {"rewrite", "capture", "explain"},
    "check": {"check", "capture"},
}
COMPARING = "g2.rewrite.trial"  # how two calls are compared: what check does where torch is
# What a room may import besides the standard library.
MAY_DEPEND = {
    "cli": {"click", "jinja2", "markupsafe", "platformdirs", "rich", "unidiff"},
    "capture": {"torch", "functorch", "triton", "numpy"},
    "explain": {"pathspec"},  # only for a project that has patterns for its paths
    "rewrite": {"libcst"},
    "check": set[str](),
}
# What is there when the files run that are named for it: a plugin of somebody else's program.
GUESTS = {
    "cli/pytest_plugin.py": {"pytest"},
    "cli/testing/": {"pytest"},
    "cli/notebook/": {"IPython"},
    "cli/editor/": {"lsprotocol", "pygls"},
}
# g2's own process starts in these; what they reach must never load torch, which takes seconds.
# Everything else of capture runs in a child: behind the door.
DOORS = ("capture/attach.py", "capture/inside.py")
PARENT = ("cli/", "explain/", "rewrite/", "check/", "capture/fold/")
CHILD = ("rewrite/trial/", "check/child/")  # what runs in the script's own process, or in one that has torch
HEAVY = {"torch", "functorch", "triton", "numpy", "scipy"}

SOURCES = sorted(path for room in MAY_IMPORT for path in (ROOT / room).rglob("*.py"))


@dataclass(frozen=True)
class Import:
    """A module that a file imports, at its top or later."""

    module: str
    line: int
    level: int

    @property
    def room(self) -> str:
        """The room of g2 that it belongs to, or nothing."""
        first, *rest = self.module.split(".")
        return rest[0] if first == "g2" and rest else ""


def imports(path: Path) -> Iterator[Import]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Import():
                for alias in node.names:
                    yield Import(alias.name, node.lineno, 0)
            case ast.ImportFrom():
                yield Import(node.module or "", node.lineno, node.level)
                if node.module and node.module.split(".")[0] == "g2":
                    for alias in node.names:  # may be modules: `from g2.capture import probe`
                        yield Import(f"{node.module}.{alias.name}", node.lineno, node.level)
            case _:
                pass


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = (ROOT / line for line in listed.split("\0") if line)
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def parent_side() -> list[Path]:
    """Every file that g2's own process can reach, whether at load or later inside a function."""
    files = {_module(path): path for path in SOURCES}
    waiting = [m for m, path in files.items() if name(path).startswith(PARENT) and not name(path).startswith(CHILD)]
    reached: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module in files and module not in reached:
            reached.add(module)
            if name(files[module]) not in DOORS:
                waiting += [found.module for found in imports(files[module])]
    return sorted(files[module] for module in reached)


def _module(path: Path) -> str:
    return "g2." + name(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")


every_source = pytest.mark.parametrize("path", SOURCES, ids=name)


@every_source
def test_imports_follow_the_arrows(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    wrong = [
        f"line {found.line}: {found.module}"
        for found in imports(path)
        if found.room and found.room not in MAY_IMPORT[room]
        if not (name(path).startswith("check/child/") and found.module.startswith(COMPARING))
    ]
    assert not wrong, f"g2.{room} may import only {sorted(MAY_IMPORT[room])}"


@every_source
def test_imports_are_absolute(path: Path) -> None:
    assert not [f"line {found.line}" for found in imports(path) if found.level]


@every_source
def test_a_room_depends_only_on_what_it_may(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    allowed = sys.stdlib_module_names | {"g2"} | (HEAVY if name(path).startswith(CHILD) else MAY_DEPEND[room])
    allowed |= {guest for place, guests in GUESTS.items() if name(path).startswith(place) for guest in guests}
    wrong = [
        f"line {found.line}: {found.module}"
        for found in imports(path)
        if not found.level and found.module.split(".")[0] not in allowed
    ]
    assert not wrong, f"g2.{room} may depend only on {sorted(MAY_DEPEND[room])}"


def test_torch_is_loaded_only_in_a_child() -> None:
    heavy = [
        f"{name(path)}:{found.line}: {found.module}"
        for path in parent_side()
        for found in imports(path)
        if found.module.split(".")[0] in HEAVY
    ]
    assert not heavy, "a file that g2's own process loads imports torch"


@every_source
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) < LONGEST


def test_type_checkers_see_every_room() -> None:
    links = {link.name: link.resolve() for link in (ROOT / ".types" / "g2").iterdir() if link.name != "__pycache__"}
    front = {"__init__.py": ROOT / "package" / "__init__.py"}
    assert links == {room: ROOT / room for room in MAY_IMPORT} | front
    assert all((ROOT / ".types" / "g2" / name).is_symlink() for name in links)


def test_the_changelog_has_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_makefile_names_files_that_are_there() -> None:
    named = re.findall(r"[\w.-]+/[\w./-]+\.py\b", (ROOT / "Makefile").read_text("utf-8"))
    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_nothing_names_a_place_outside_the_checkout() -> None:
    # Joined here, so that this file does not name them itself.
    outside = ["/".join(["", *parts]) for parts in (["work", ""], ["root", ""], ["opt", "wheels"])]
    outside += [str(path) + "/" for path in (ROOT, Path.home()) if len(path.parts) > 2]
    pattern = re.compile("|".join(rf"(?<![\w.}}/-]){re.escape(place)}" for place in outside))
    found = [
        f"{name(path)}:{text.count(chr(10), 0, hit.start()) + 1}: {hit.group()}"
        for path in tracked()
        for text in [path.read_bytes().decode("utf-8", "replace")]
        for hit in pattern.finditer(text)
    ]
    assert not found


def _loaded_after(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded when it has run `code`."""
    report = "import sys; print('\\nLOADED', *{name.partition('.')[0] for name in sys.modules})"
    child = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, timeout=120
    )
    assert child.returncode == 0, child.stderr
    return set(child.stdout.rpartition("LOADED")[2].split())


def test_importing_the_command_line_loads_no_torch() -> None:
    loaded = _loaded_after("import g2.cli.app")
    assert "g2" in loaded
    assert not loaded & (HEAVY | {"libcst"})


@pytest.mark.parametrize("argv", [["--help"], ["explain", "--help"], ["--version"]], ids=" ".join)
def test_help_loads_no_torch(argv: list[str]) -> None:
    loaded = _loaded_after(
        "import sys\n"
        f"sys.argv = ['g2', *{argv!r}]\n"
        "from g2.cli.app import main\n"
        "try:\n    code = main()\n"
        "except SystemExit as stop:\n    code = stop.code\n"
        "assert not code, code"
    )
    assert "click" in loaded
    assert not loaded & (HEAVY | {"libcst"})


def test_attaching_loads_no_torch() -> None:
    # A script that never imports torch must not pay for it.
    assert not _loaded_after("import g2.capture.attach") & HEAVY


def test_every_module_of_the_parent_side_loads_without_torch() -> None:
    modules = [_module(path) for path in parent_side() if path.stem != "__main__"]
    loaded = _loaded_after("".join(f"import {module}\n" for module in modules))
    assert not loaded & HEAVY


def examples_in(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text("utf-8"), re.M | re.S)


@pytest.mark.parametrize("example", examples_in("CONTRIBUTING.md"), ids=lambda text: text[3:20])
def test_what_contributing_imports_is_there(example: str) -> None:
    wanted = [
        (node.module, alias.name)
        for node in ast.walk(ast.parse(example))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("g2.")
        for alias in node.names
    ]
    assert wanted
    missing = [
        f"{module}.{wish}" for module, wish in wanted if not hasattr(import_module(module), wish)
    ]
    assert not missing
