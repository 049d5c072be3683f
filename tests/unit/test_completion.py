"""What shells are told when a person presses the key that completes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from g2.capture.model import Session
from g2.cli.store import Store

G2 = Path(sys.executable).with_name("g2")


def complete(*words: str, cwd: Path) -> list[str]:
    """The answers for the last word, as bash gets them: kind,value."""
    line = " ".join(("g2", *words))
    code = "from g2.cli.app import main; raise SystemExit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd, timeout=60,
        env={"_G2_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words)), "PATH": "/usr/bin",
             "PYTHONPATH": ":".join(path for path in sys.path if path), "G2_HOME": str(cwd / "home")},
    )  # fmt: skip
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["expl"], ["plain,explain"]),
        (["why", "tensor-b"], ["plain,tensor-branch"]),
        (["why", "changing-f"], ["plain,changing-flag"]),
        (["show", "--only", "print"], ["plain,print-call"]),
        (["show", "--as", "mark"], ["plain,markdown"]),
        (["scan", "--format", "stat"], ["plain,statistics"]),
        (["scan", "--fail-on", "li"], ["plain,likely"]),
        (["doctor", "--format", "j"], ["plain,json"]),
        (["explain", "--then"], ["plain,--then-stop"]),
        (["explain", "tra"], ["file,tra"]),
        (["explain", "-o", "rep"], ["file,rep"]),
        (["scan", "src/"], ["file,src/"]),
        (["completion", "f"], ["plain,fish"]),
        (["nosuch", "x"], []),
    ],
    ids=" ".join,
)
def test_what_is_completed(words: list[str], expected: list[str], tmp_path: Path) -> None:
    assert complete(*words, cwd=tmp_path) == expected


def test_records_are_completed_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("G2_HOME", str(tmp_path / "home"))
    store = Store.open()
    session = Session("0", ("train.py",), str(tmp_path), 0, "3.11", "2.13", "cpu", time.time(), 1.0)
    with store.new_run(("train.py",)) as folder:
        store.save(folder, session)
    assert complete("show", folder.name[:4], cwd=tmp_path) == [f"plain,{folder.name}"]
    assert complete("show", "nothing", cwd=tmp_path) == ["file,nothing"]


def test_completing_is_quick_and_loads_little(tmp_path: Path) -> None:
    code = (
        "import sys, time, resource\n"
        "from g2.cli.app import main\n"
        "try:\n    main()\n"
        "finally:\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_utime, file=sys.stderr)\n"
        "    print(*sorted({'torch', 'rich', 'libcst', 'jinja2'} & set(sys.modules)), file=sys.stderr)\n"
    )
    for words, at in (("g2 explain --fo", "2"), ("g2 why tens", "2"), ("g2 show --only print", "3")):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=60,
            env={"_G2_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": at, "PATH": "/usr/bin",
                 "PYTHONPATH": ":".join(path for path in sys.path if path)},
        )  # fmt: skip
        seconds, loaded = done.stderr.splitlines()
        assert done.stdout and not loaded
        assert float(seconds) < 0.5  # 0.1 on a machine that does nothing else


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_the_shell_takes(shell: str, tmp_path: Path) -> None:
    code = f"from g2.cli.app import main; raise SystemExit(main(['completion', '{shell}']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env={"PATH": ""})
    assert done.returncode == 0, done.stderr
    assert f"_G2_COMPLETE={shell}_complete" in done.stdout
    if shutil.which(shell) is None:
        return
    script = tmp_path / "script"
    script.write_text(done.stdout)
    subprocess.run([shell, "-n", str(script)], check=True, timeout=60)


@pytest.mark.skipif(shutil.which("bash") is None or not G2.exists(), reason="needs bash and an installed g2")
def test_bash_itself_completes(tmp_path: Path) -> None:
    script = (
        f'export PATH="{G2.parent}:$PATH"\n'
        'eval "$(g2 completion bash)"\n'
        "COMP_WORDS=(g2 why tensor-b) COMP_CWORD=2\n"
        "_g2_completion g2\n"
        'echo "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.stdout == "tensor-branch\n", done.stderr
