"""`g2 doctor` in environments that are well, and in ones that are broken in known ways."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from g2.cli.commands.doctor import command
from g2.cli.doctor import around, torch
from g2.cli.doctor.ask import ask
from g2.cli.doctor.line import Asked, State

_LONGEST = 240.0  # seconds; a test machine may be busy
VERSION = torch.installed("torch") or ""


def distribution(folder: Path, name: str, version: str, requires: str = "", init: str | None = "") -> None:
    """Install a package into a folder, as pip leaves it."""
    made = folder / f"{name}-{version}.dist-info"
    made.mkdir(parents=True)
    asked = f"Requires-Dist: {requires}\n" if requires else ""
    (made / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{asked}")
    if init is not None:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(init)


def fake_torch(folder: Path, init: str) -> None:
    (folder / "torch").mkdir()
    (folder / "torch" / "__init__.py").write_text(init)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose packages come before all others, for us and for children."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def looked(asked: Asked, built: dict[str, str]) -> dict[str, tuple[State, str, str]]:
    return {line.name: (line.state, line.found, line.mend) for line in torch.look(asked, built)}


@pytest.mark.torch
def test_all_is_well_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("G2_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "inductor"))
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "triton"))
    command_line = [sys.executable, "-X", "importtime", "-m", "g2.cli", "doctor", "--format", "json"]
    done = subprocess.run(command_line, capture_output=True, text=True, timeout=_LONGEST, cwd=tmp_path)
    told = json.loads(done.stdout)
    states = {line["name"]: line["state"] for line in told["lines"]}
    for name in ("python", "torch", "dynamo", "numpy", "start-up file", "records"):
        assert states[name] == "ok", told
    worst = {"ok": 0, "warning": 1, "wrong": 2}
    assert done.returncode == max(worst[state] for state in states.values())
    assert all((line["mend"] is None) == (line["state"] == "ok") for line in told["lines"])
    assert "| torch\n" not in done.stderr  # what this process itself imported


def test_a_torch_that_crashes(path: Path) -> None:
    fake_torch(path, "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    found = looked(ask((), _LONGEST), {})
    state, said, mend = found["torch"]
    assert state is State.WRONG
    assert said.endswith("cannot be imported: the process that imported it was ended by SIGSEGV")
    assert "--force-reinstall 'torch==" in mend


def test_a_torch_that_hangs(path: Path) -> None:
    fake_torch(path, "import time\ntime.sleep(1000)\n")
    assert looked(ask((), 3), {})["torch"][1].endswith("the process that imported it did not end in 3 seconds")


def test_a_torch_that_raises(path: Path) -> None:
    fake_torch(path, "print('noise')\nraise OSError('libtorch_cpu.so:\\x1b[31m undefined symbol')\n")
    assert looked(ask((), _LONGEST), {})["torch"][1].endswith(
        "cannot be imported: OSError: libtorch_cpu.so: undefined symbol"
    )


def test_a_file_that_is_called_torch(path: Path) -> None:
    (path / "torch.py").write_text(
        "__version__ = '1'\n__import__('types')\nversion = __import__('types').SimpleNamespace(cuda=None, hip=None)\n"
    )
    state, said, mend = looked(ask((), _LONGEST), {})["torch"]
    assert (state, mend) == (State.WRONG, "rename that file")
    assert said == f"{path / 'torch.py'} is imported as torch, and is not PyTorch"


def test_no_torch_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "installed", lambda name: None)
    assert looked(Asked(), {})["torch"][:2] == (State.WRONG, "is not installed in this Python")


WELL = {
    "torch": {"version": VERSION, "file": "/x/torch/__init__.py", "cuda": None, "hip": None, "whole": True},
    "dynamo": {"graphs": 1, "right": True},
    "devices": {"available": False, "names": [], "driver": None, "mps": False},
}


@pytest.mark.parametrize(
    ("version", "triton", "state"),
    [
        ("2.11.0", "3.6.0", State.OK),
        ("2.13.0+cpu", "3.7.1", State.OK),
        ("2.15.0", "3.7.1", State.WRONG),
        ("2.14.1", None, State.WARNING),
        ("2.16.0", "4.0.0", State.OK),  # nothing is known of it
    ],
)
def test_pairs_of_torch_and_triton(
    version: str, triton: str | None, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.platform, "system", lambda: "Linux")
    monkeypatch.setattr(torch, "installed", {"torch": version, "triton": triton}.get)
    found = looked(Asked(WELL), {})
    assert found["triton"][0] is state
    if version == "2.15.0":
        assert found["triton"][1:] == (
            "3.7.1, and torch 2.15.0 works with 3.9", f"{torch.PIP} install 'triton==3.9.*'"
        )  # fmt: skip


@pytest.mark.parametrize(
    ("version", "state"),
    [("2.10.1", State.WRONG), ("2.11.0", State.OK), ("2.15.2", State.OK), ("2.16.0", State.WARNING)],
)
def test_versions_of_torch(version: str, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "installed", {"torch": version}.get)
    assert looked(Asked(WELL), {})["torch"][0] is state


def test_packages_that_were_built_for_another_torch(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(path, "torchvision", "0.1", "torch==2.0.0")
    distribution(
        path, "torchaudio", "0.2", f"torch (=={VERSION.partition('+')[0]})", "raise OSError('libtorchaudio.so')"
    )
    distribution(path, "torchtext", "0.3", "torch==1.0; extra == 'test'")
    built = {
        name: wanted for name, wanted in torch.built_for().items() if name in ("torchvision", "torchaudio", "torchtext")
    }
    assert built == {"torchvision": "2.0.0", "torchaudio": VERSION.partition("+")[0]}
    fake_torch(path, "import sys, types\nsys.modules['torch._dynamo'] = types.ModuleType('x')\n")
    steps = {
        **WELL,
        **{name: said for name, said in ask(("torchaudio",), _LONGEST).steps.items() if name == "torchaudio"},
    }
    found = looked(Asked(steps), built)
    assert found["torchvision"][:2] == (State.WRONG, f"0.1 was built for torch 2.0.0; this is {VERSION}")
    assert found["torchaudio"][:2] == (State.WRONG, "0.2 cannot be imported: OSError: libtorchaudio.so")


def test_dynamo_that_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "1")
    found = looked(Asked({**WELL, "dynamo": {"graphs": 0, "right": True}}), {})
    assert "dynamo" not in found
    assert found["TORCHDYNAMO_DISABLE"] == (
        State.WRONG, "is set, so that torch.compile does nothing", "unset TORCHDYNAMO_DISABLE"
    )  # fmt: skip


def test_a_python_without_the_startup_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert around.startup().state is State.OK
    monkeypatch.setattr(around, "attached", lambda limit: False)
    line = around.startup()
    assert line.state is State.WRONG and "--no-deps g2-torch" in line.mend


def test_compilers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho 'x.cc:1: error: no OpenMP' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    assert around.compiler().found.startswith(f"{broken} fails: x.cc:1: error: no OpenMP")
    monkeypatch.setenv("CXX", str(tmp_path / "missing"))
    assert "cannot be run" in around.compiler().found
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", str(tmp_path))
    line = around.compiler()
    assert (line.state, line.found.partition(":")[0]) == (State.WARNING, "there is neither g++ nor clang++")
    assert around.git().state is State.WARNING


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    for variable in ("G2_HOME", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"):
        monkeypatch.setenv(variable, str(home))
    assert {line.state for line in around.folders()} == {State.OK}
    assert not home.exists()  # looking makes nothing
    home.mkdir(mode=0o755)
    (home / "file").write_bytes(bytes(3 * 2**20))
    records, *_, triton = around.folders()
    assert (records.state, records.mend) == (State.WARNING, f"chmod 700 {home}")
    assert triton.state is State.OK and "holds 3 MiB" in triton.found
    home.chmod(0o777)
    assert "can be written by others" in list(around.folders())[-1].found
    home.chmod(0o700)
    (home / "plain").write_text("")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(home / "plain"))
    assert list(around.folders())[-1].found == f"{home / 'plain'} cannot be written"


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o500)
    monkeypatch.setenv("G2_HOME", str(tmp_path / "home"))
    assert next(around.folders()).state is State.WARNING
    tmp_path.chmod(0o700)


def test_the_table_says_how_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "installed", lambda name: None)
    monkeypatch.setattr(torch, "built_for", dict)
    done = CliRunner().invoke(command, standalone_mode=False)
    assert done.return_value == 2
    assert "wrong    torch" in done.output
    assert f"try  {torch.PIP} install 'g2-torch[torch]'\n" in done.output
