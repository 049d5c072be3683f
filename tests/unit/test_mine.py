"""Whose file it is: installed libraries are never taken for the user's own, wherever they were installed."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from g2.capture.fold.owners import owner
from g2.capture.mine import is_installed, is_mine, owned_by_package, package_folder
from g2.capture.model import Owner
from g2.rewrite.pack import placed


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """What `pip install --target` leaves in a folder, with files of the user's own beside it."""
    folder = tmp_path / "vendor"
    for name in ("lib/__init__.py", "lib/deep/model.py", "alone.py", "mine.py", "lib/added.py", "torch/nn.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    for name, files in {
        "lib-2.1": ["lib/__init__.py", "lib/deep/model.py", "alone.py"],
        "torch-2.13.0": ["torch/nn.py"],
    }.items():
        metadata = folder / f"{name}.dist-info"
        metadata.mkdir()
        title, _, version = name.partition("-")
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {title}\nVersion: {version}\n")
        (metadata / "RECORD").write_text("".join(f"{file},sha256=x,1\n" for file in files))
    return folder


@pytest.mark.parametrize("name", ["lib/__init__.py", "lib/deep/model.py", "alone.py"])
def test_a_file_that_a_package_lists_is_installed(target: Path, name: str) -> None:
    path = str(target / name)
    assert not is_mine(path)
    assert is_installed(path)
    assert owned_by_package(path)
    assert package_folder(path) == str(target)
    assert owner(path) == Owner(False, "lib", "2.1")
    assert placed(path)[1] == name


@pytest.mark.parametrize("name", ["mine.py", "lib/added.py"])
def test_a_file_that_no_package_lists_is_the_users(target: Path, name: str) -> None:
    assert is_mine(str(target / name))
    assert not is_installed(str(target / name))
    assert owner(str(target / name)) == Owner(True)


def test_torch_is_a_package_of_its_own_kind(target: Path) -> None:
    assert is_installed(str(target / "torch/nn.py"))
    assert not owned_by_package(str(target / "torch/nn.py"))


def test_an_editable_install_is_the_users(tmp_path: Path) -> None:
    """Its list of files names the metadata and the link, nothing of the project."""
    metadata = tmp_path / "project.egg-info"
    metadata.mkdir()
    (metadata / "SOURCES.txt").write_text("train.py\n")
    (tmp_path / "train.py").touch()
    assert is_mine(str(tmp_path / "train.py"))


def test_what_lies_where_python_installs() -> None:
    paths = sysconfig.get_paths()
    assert not is_mine(f"{paths['stdlib']}/json/decoder.py")
    assert not is_mine(f"{paths['purelib']}/anything.py")
    assert not is_mine("<string>")
    assert is_mine("<ipython-input-3-abc>")
