"""What stands behind a break: small scripts whose comments say where, judged by real captures.

`# break: ...` is a place that Dynamo shows by itself, `# hidden: ...` one that only the fork finds.
"""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[2] / "fixtures" / "scripts"
LONGEST = 120  # seconds that a fork may take on a busy machine
Place = tuple[int, str | None]


def run(script: Path, record: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """The script under observation, with its forks ended."""
    record.mkdir()
    done = subprocess.run(
        [sys.executable, str(script), *args], env={**os.environ, "G2_RECORD": str(record)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    until = time.monotonic() + LONGEST
    for fork in [event for event in events(record, "journal-*") if event["e"] == "fork"]:
        path = record / fork["journal"]
        while path.exists() and not any(event["e"] == "end" for event in events(record, path.name)):
            assert time.monotonic() < until, "a fork did not end"
            time.sleep(0.1)
    return done


def events(record: Path, names: str) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(record.glob(names)) for line in path.read_text().splitlines()]


def breaks(record: Path, names: str, script: Path) -> dict[Place, dict[str, Any]]:
    """The break events of `script`, each place once."""
    found: dict[Place, dict[str, Any]] = {}
    for event in events(record, names):
        if event["e"] == "break" and event["path"] == str(script):
            found.setdefault((event["line"], event["kind"]), event)
    return found


def hidden(record: Path, script: Path) -> dict[Place, dict[str, Any]]:
    natural = breaks(record, "journal-*", script)
    return {place: event for place, event in breaks(record, "hidden-*", script).items() if place not in natural}


def marked(script: Path, word: str) -> set[int]:
    lines = script.read_text().splitlines()
    return {number for number, line in enumerate(lines, 1) if re.search(rf"#.*\b{word}: ", line)}


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The record of a script of fixtures/scripts, made once."""
    folder = tmp_path_factory.mktemp("records")

    @functools.cache
    def record(name: str) -> Path:
        done = run(SCRIPTS / name, folder / name)
        assert done.returncode == 0, done.stderr
        return folder / name

    return record


@pytest.mark.parametrize("name", sorted(path.name for path in SCRIPTS.glob("hidden_*.py")))
def test_places_are_where_the_comments_say(name: str, recorded: Callable[[str], Path]) -> None:
    script = SCRIPTS / name
    record = recorded(name)
    natural = {line for line, _ in breaks(record, "journal-*", script)}
    found = {line for line, _ in hidden(record, script)}
    if sys.version_info < (3, 12):
        assert natural == marked(script, "break")
        assert found == marked(script, "hidden")
    else:  # comprehensions are inlined there, and Dynamo resumes at more places
        assert natural >= marked(script, "break")
        assert found <= marked(script, "hidden")
        assert natural | found == marked(script, "break") | marked(script, "hidden")


CURES = [
    # (script, what stands in front and what is put there instead, a hidden line that Dynamo then shows by itself)
    ("hidden_loop.py", [("x.max().item()", "1.0")], "if x.sum() > 1e6:"),
    ("hidden_loop.py", [("x.max().item()", "1.0"), ("if x.sum() > 1e6:", "if largest > 1e6:")], 'print("largest"'),
    ("hidden_with.py", [("with lock:", "if True:")], "x.abs().max().item()"),
    ("hidden_with.py", [("with lock:", "if True:"), ("x.abs().max().item()", "2.0")], "if (x > scale).any():"),
    ("hidden_branch.py", [("if x.sum() > -1e6:", "if step >= 0:")], "x.abs().max().item()"),
    ("hidden_generator.py", [("int(x[start].abs().clamp(1, 3).item())", "2")], "if chunk.sum() < -1e6:"),
    ("hidden_same_line.py", [("x.mean().item()", "0.5")], "x[x > 0].sum()"),
    ("hidden_autograd_function.py", [("x.abs().mean().item()", "0.5"), ("x.sum() > 1e6", "bound > 1")], "if grad.sum"),
    ("hidden_comprehension.py", [("row.sum().item()", "1.0"), ("part.abs().max().item()", "1.0")], "if part.min() <"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "cure", "behind"), CURES, ids=[f"{c[0]}-{n}" for n, c in enumerate(CURES)])
def test_cure_of_what_stands_before_shows_it(
    name: str, cure: list[tuple[str, str]], behind: str, tmp_path: Path, recorded: Callable[[str], Path]
) -> None:
    original = (SCRIPTS / name).read_text()
    text = original
    for old, new in cure:
        assert old in text
        text = text.replace(old, new)
    cured = tmp_path / name
    cured.write_text(text)
    run(cured, tmp_path / "record")
    line = next(number for number, line in enumerate(original.splitlines(), 1) if behind in line)
    found = {place for place in hidden(recorded(name), SCRIPTS / name) if place[0] == line}
    assert found & set(breaks(tmp_path / "record", "journal-*", cured))


def test_event_tells_place_path_and_module(recorded: Callable[[str], Path]) -> None:
    script = SCRIPTS / "hidden_nested.py"
    ((place, event),) = hidden(recorded(script.name), script).items()
    source = script.read_text().splitlines()[place[0] - 1]
    assert source[event["column"] : event["end_column"]] == "x.sum() > 1e6"
    assert event["kind"] == "GB0170"
    assert event["function"] == "Head.forward"
    assert event["module"] == "head"
    assert event["effect"] == "frame-lost"
    assert event["opcode"].startswith("POP_JUMP")
    assert event["hidden"] is True
    assert [step[5] for step in event["stack"]] == ["<module>", "Net.forward", "Head.forward"]
    assert {step[0] for step in event["stack"]} == {str(script)}


def test_script_notices_nothing(tmp_path: Path) -> None:
    script = SCRIPTS / "hidden_effects.py"
    plain = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    observed = run(script, tmp_path / "record")
    assert observed.stdout == plain.stdout
    assert observed.stderr == plain.stderr


def test_files_are_written_once(tmp_path: Path) -> None:
    script = SCRIPTS / "hidden_train.py"
    plain, observed = tmp_path / "plain.txt", tmp_path / "observed.txt"
    first = subprocess.run([sys.executable, str(script), str(plain)], capture_output=True, text=True, check=True)
    second = run(script, tmp_path / "record", str(observed))
    assert observed.read_text() == plain.read_text()
    assert second.stdout == first.stdout
    assert {line for line, _ in hidden(tmp_path / "record", script)} == marked(script, "hidden")


def test_what_runs_at_forks_is_not_compiled(tmp_path: Path) -> None:
    script, record = tmp_path / "script.py", tmp_path / "record"
    script.write_text(
        """
import os
import torch

def at_fork():
    return [len(name) for name in torch.ones(2).tolist() for name in ("a", "b")]

os.register_at_fork(before=at_fork, after_in_parent=at_fork, after_in_child=at_fork)

class Net(torch.nn.Module):
    def forward(self, x):
        return x * x.sum().item()

net = Net()
net.compile()

@torch.compile
def f(x):
    return net(x)

print(f(torch.ones(2)))
"""
    )
    done = run(script, record)
    assert done.stdout == "tensor([2., 2.])\n", done.stderr
    found = [event for event in events(record, "journal-*") if event["e"] == "break"]
    assert found
    assert {(event["path"], event["line"]) for event in found} == {(str(script), 12)}
    assert [event for event in events(record, "journal-*") if event["e"] == "fork"]
