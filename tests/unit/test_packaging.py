"""What `pip install` brings: all the packages, and a start-up file that stays out of the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SETUPTOOLS: dict[str, Any] = PYPROJECT["tool"]["setuptools"]
ROOMS: dict[str, str] = SETUPTOOLS["package-dir"]
PTH = "g2-torch.pth"
STARTUP = (ROOT / PTH).read_text("utf-8")


def run(*command: str | Path, cwd: Path | None = None, **environment: str) -> tuple[str, str]:
    """Standard output and error of a command that must succeed."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, done.stderr


def packages_on_disk() -> set[str]:
    found: set[str] = set()
    for package, room in ROOMS.items():
        for path in (ROOT / room).rglob("*.py"):
            inside = path.parent.relative_to(ROOT / room).parts
            found.add(".".join([package, *inside]))
    return found


def test_every_package_is_listed() -> None:
    assert sorted(SETUPTOOLS["packages"]) == sorted(packages_on_disk())


@pytest.mark.parametrize("package", SETUPTOOLS["packages"])
def test_a_package_has_an_init(package: str) -> None:
    first = ".".join(package.split(".")[:2])
    inside = package.removeprefix(first).split(".")
    assert (ROOT / ROOMS[first] / Path(*inside) / "__init__.py").is_file()


@pytest.mark.parametrize("room", ROOMS.values())
def test_a_room_is_typed(room: str) -> None:
    assert (ROOT / room / "py.typed").is_file()


def test_extra_and_group_are_the_same() -> None:
    extra = PYPROJECT["project"]["optional-dependencies"]["dev"]
    assert extra == PYPROJECT["dependency-groups"]["dev"]


def test_a_commit_hook_needs_no_torch() -> None:
    project = PYPROJECT["project"]
    heavy = project["optional-dependencies"]["torch"]
    assert {requirement.split(">")[0] for requirement in heavy} == {"numpy", "scipy", "torch", "triton"}
    assert not set(heavy) & set(project["dependencies"])
    assert set(heavy) <= set(project["optional-dependencies"]["dev"])


def test_everything_asked_for_is_pinned() -> None:
    def distribution(requirement: str) -> str:
        return requirement.split(";")[0].split("=")[0].split(">")[0].strip()

    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = {distribution(line) for line in lines if "==" in line and not line.startswith("#")}
    project = PYPROJECT["project"]
    asked = project["dependencies"] + project["optional-dependencies"]["dev"]
    assert pinned == set(map(distribution, asked))


def new_environment(folder: Path) -> Path:
    """The interpreter of a virtual environment in which nothing is installed, not even pip."""
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    return folder / "bin" / "python"


def site_packages(python: Path) -> Path:
    return Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")[0][:-1])


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the start-up file alone. In a venv, Python 3.11 to 3.13 read it twice."""
    python = new_environment(tmp_path_factory.mktemp("bare") / "env")
    (site_packages(python) / PTH).write_text(STARTUP)
    return python


@pytest.fixture
def attach(bare: Path) -> Iterator[Path]:
    """Where that environment's g2/capture/attach.py is to be written."""
    folder = site_packages(bare) / "g2"
    (folder / "capture").mkdir(parents=True)
    yield folder / "capture" / "attach.py"
    shutil.rmtree(folder)


def test_the_startup_file_is_one_line() -> None:
    assert STARTUP.isascii()
    assert STARTUP.count("\n") == 1
    assert STARTUP.startswith("import ")  # site runs such lines, and takes others for folders


def test_without_g2_record_a_start_loads_nothing_more(bare: Path, attach: Path) -> None:
    attach.write_text("raise SystemExit('imported')")
    loaded = "import sys; print(sorted(sys.modules))"
    with_file = run(bare, "-c", loaded)
    startup = site_packages(bare) / PTH
    startup.rename(startup.with_suffix(".away"))
    try:
        assert run(bare, "-c", loaded) == with_file
    finally:
        startup.with_suffix(".away").rename(startup)


def test_with_g2_record_a_process_is_attached_once(bare: Path, attach: Path) -> None:
    attach.write_text("def start(): print('attached')")
    assert run(bare, "-c", "print('script')", G2_RECORD="x") == ("attached\nscript\n", "")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (None, "ModuleNotFoundError: No module named 'g2.capture.attach'"),
        ("def start(", "SyntaxError: "),
        ("def start(): raise OSError('no room')", "OSError: no room"),
    ],
    ids=["half uninstalled", "broken", "raises"],
)
def test_a_broken_g2_breaks_no_start(
    bare: Path, attach: Path, code: str | None, message: str
) -> None:
    if code is not None:
        attach.write_text(code)
    out, err = run(bare, "-c", "print('script')", G2_RECORD="x")
    assert out == "script\n"
    assert err.startswith(f"g2: this process is not recorded: {message}")
    assert err.count("\n") == 1


def test_a_broken_g2_breaks_no_start_without_stderr(bare: Path, attach: Path) -> None:
    attach.write_text("raise OSError")
    shell = 'exec "$0" -c "print(1)" 2>&-'
    assert run("sh", "-c", shell, bare, G2_RECORD="x") == ("1\n", "")


def kept_in_rooms() -> list[str]:
    """Every file of the five folders that git keeps or would keep."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *ROOMS.values()]
    return [line for line in run(*command, cwd=ROOT)[0].splitlines() if (ROOT / line).is_file()]


def built(how: str, source: Path, target: Path) -> Path:
    """What setuptools makes of the sources: an sdist, a wheel or an editable wheel."""
    target.mkdir(exist_ok=True)
    code = f"from setuptools import build_meta; print(build_meta.build_{how}({str(target)!r}))"
    run(sys.executable, "-c", code, cwd=source)
    return next(target.iterdir())


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy to build from: setuptools writes into the sources."""
    copy = tmp_path_factory.mktemp("source") / "g2"
    copy.mkdir()
    for name in ["pyproject.toml", "setup.py", "README.md", "LICENSE", PTH, *ROOMS.values()]:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.exists():
            shutil.copy(path, copy / name)
    return copy


def test_an_sdist_gives_the_same_wheel(source: Path, tmp_path: Path) -> None:
    sdist = built("sdist", source, tmp_path / "sdist")
    shutil.unpack_archive(sdist, tmp_path / "unpacked", filter="data")
    again = built("wheel", next((tmp_path / "unpacked").iterdir()), tmp_path / "again")
    direct = built("wheel", source, tmp_path / "direct")
    with zipfile.ZipFile(direct) as one, zipfile.ZipFile(again) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())
        assert PTH in one.namelist()
        names = {f"g2/{name}".replace("g2/package/", "g2/") for name in kept_in_rooms()}
        missing = names - set(one.namelist())
    assert not missing


@pytest.mark.parametrize("how", ["wheel", "editable"])
def test_pip_installs_the_startup_file_and_takes_it_away(
    how: str, source: Path, tmp_path: Path
) -> None:
    wheel = built(how, source, tmp_path / "dist")
    python = new_environment(tmp_path / "env")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    run(*pip, "install", "--no-deps", "--no-index", wheel)
    startup = site_packages(python) / PTH
    assert startup.read_text() == STARTUP

    seen = "import sys; print('g2.capture.attach' in sys.modules)"
    record = tmp_path / "record"
    assert run(python, "-c", seen) == ("False\n", "")
    assert run(python, "-c", seen, G2_RECORD=str(record)) == ("True\n", "")
    assert record.is_dir()

    for package in SETUPTOOLS["packages"]:
        place = run(
            python, "-c", f"import importlib.util as u; print(u.find_spec({package!r}).origin)"
        )
        assert Path(place[0][:-1]).name == "__init__.py"

    run(*pip, "uninstall", "--yes", "g2-torch")
    assert not startup.exists()
