"""The cache of scanned files: private, bounded, right with several processes, and never in the way."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from g2.cli import kept
from g2.cli.kept import KeptFacts


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("G2_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "cache"


def test_what_was_put_is_there_for_the_next(home: Path) -> None:
    KeptFacts.open("a").put({"x": b"1", "y": b"\0\xff"})
    assert KeptFacts.open("a").get(["x", "y", "z"]) == {"x": b"1", "y": b"\0\xff"}


def test_other_rules_have_other_facts(home: Path) -> None:
    KeptFacts.open("a").put({"x": b"1"})
    assert KeptFacts.open("b").get(["x"]) == {}


def test_more_keys_than_a_query_takes(home: Path) -> None:
    facts = {str(i): b"%d" % i for i in range(2500)}
    KeptFacts.open().put(facts)
    assert KeptFacts.open().get([*facts, "none"]) == facts


def test_only_the_owner_can_read_it(home: Path) -> None:
    KeptFacts.open().put({"x": b"1"})
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in home.iterdir()} == {0o600}


def test_an_open_folder_is_closed(home: Path) -> None:
    home.mkdir(parents=True)
    home.chmod(0o755)
    KeptFacts.open()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_it_stays_within_its_limit_and_keeps_what_was_used_last(home: Path) -> None:
    file = KeptFacts.open().file
    small = KeptFacts(file, limit=400_000)
    for i in range(100):
        small.put({f"key {i}": os.urandom(10_000)})
    assert file is not None
    assert file.stat().st_size < 500_000
    found = small.get([f"key {i}" for i in range(100)])
    assert "key 99" in found
    assert "key 0" not in found


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b"no database at all" * 100),
        lambda file: file.write_bytes(file.read_bytes()[:5000]),
        lambda file: file.write_bytes(file.read_bytes()[:100] + b"\xff" * 4000 + file.read_bytes()[4100:]),
        lambda file: file.write_bytes(b"SQLite format 3\0" + b"\xff" * 3000),
        lambda file: sqlite3.connect(file).executescript("DROP TABLE facts; CREATE TABLE facts (other TEXT)"),
        lambda file: sqlite3.connect(file).executescript("DROP TABLE facts"),
    ],
    ids=["no database", "cut off", "overwritten", "header alone", "other columns", "no table"],
)
def test_a_damaged_file_is_made_anew(home: Path, damage: object) -> None:
    KeptFacts.open().put({str(i): os.urandom(500) for i in range(200)})
    file = KeptFacts.open().file
    assert file is not None and callable(damage)
    damage(file)
    assert KeptFacts.open().get(["1"]) == {}
    KeptFacts.open().put({"x": b"1"})
    assert KeptFacts.open().get(["x"]) == {"x": b"1"}
    assert file.with_suffix(".damaged").exists()


def test_a_flipped_bit_in_a_value_is_not_believed(home: Path) -> None:
    KeptFacts.open().put({"x": b"a" * 300, "y": b"b" * 300})
    file = KeptFacts.open().file
    assert file is not None
    file.write_bytes(file.read_bytes().replace(b"a" * 300, b"a" * 299 + b"c"))
    assert KeptFacts.open().get(["x", "y"]) == {"y": b"b" * 300}


def test_a_folder_where_the_file_should_be(home: Path) -> None:
    KeptFacts.open()
    (home / "facts-1.db").mkdir()
    KeptFacts.open().put({"x": b"1"})
    assert KeptFacts.open().get(["x"]) == {}


def test_without_a_folder_nothing_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("G2_HOME", str(tmp_path / "file"))
    nothing = KeptFacts.open()
    nothing.put({"x": b"1"})
    assert (nothing.file, nothing.get(["x"])) == (None, {})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(home: Path) -> None:
    KeptFacts.open().put({"x": b"1"})
    home.chmod(0o500)
    (home / "facts-1.db").chmod(0o400)
    try:
        KeptFacts.open().put({"y": b"1"})
        assert KeptFacts.open().get(["x", "y"]) == {"x": b"1"}
    finally:
        home.chmod(0o700)


def test_a_locked_file_is_left_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_PATIENCE", 0.05)
    KeptFacts.open().put({"x": b"1"})
    file = KeptFacts.open().file
    assert file is not None
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    KeptFacts.open().put({"y": b"1"})
    assert KeptFacts.open().get(["x"]) == {}
    other.execute("ROLLBACK")
    assert KeptFacts.open().get(["x", "y"]) == {"x": b"1"}


WRITER = """
import sys
from g2.cli.kept import KeptFacts
who = sys.argv[1]
for i in range(40):
    KeptFacts.open().put({f"{who} {i} {j}": who.encode() * 200 for j in range(5)})
    KeptFacts.open().get([f"{who} {i} 0"])
print("done")
"""


def test_several_processes_at_once(home: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, who], stdout=subprocess.PIPE, text=True) for who in "abc"
    ]
    assert [writer.communicate(timeout=120)[0] for writer in writers] == ["done\n"] * 3
    wanted = [f"{who} {i} {j}" for who in "abc" for i in range(40) for j in range(5)]
    assert len(KeptFacts.open().get(wanted)) == len(wanted)


def test_a_kill_in_the_middle_loses_nothing_else(home: Path) -> None:
    KeptFacts.open().put({"x": b"1"})
    code = WRITER.replace("range(40)", "range(100000)")
    for wait in (0.3, 0.35, 0.4):
        writer = subprocess.Popen([sys.executable, "-c", code, "k"])
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(wait)
        writer.kill()
        writer.wait()
        assert KeptFacts.open().get(["x"]) == {"x": b"1"}
    KeptFacts.open().put({"y": b"1"})
    assert KeptFacts.open().get(["y"]) == {"y": b"1"}
