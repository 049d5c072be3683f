"""Records are private, kept apart, found again, and never in each other's way."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import samples

from g2.capture.codec import dump
from g2.cli.errors import Refusal
from g2.cli.files import write_report
from g2.cli.store import KEPT, Store, read


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("G2_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def keep(store: Store, argv: Sequence[str] = ("a.py",)) -> Path:
    with store.new_run(argv) as folder:
        store.save(folder, samples.session())
    return folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_run_is_private_and_keeps_only_what_show_needs(home: Path) -> None:
    store = Store.open()
    with store.new_run(["a.py", "x"]) as folder:
        assert mode(folder) == mode(folder.parent) == 0o700
        (folder / "journal-1.jsonl").write_text("{}\n")
        (folder / "sub").mkdir()
        (folder / "sub" / "x").write_text("")
        store.save(folder, samples.session())
    assert sorted(p.name for p in folder.iterdir()) == ["about.json", "lock", "session.json"]
    assert {mode(p) for p in folder.iterdir()} == {0o600}


def test_what_is_saved_is_read_again_even_with_names_that_are_not_unicode(home: Path) -> None:
    store = Store.open()
    session = samples.session(argv=("caf\udce9.py", "日本"))
    with store.new_run(["a.py"]) as folder:
        store.save(folder, session)
    assert read(store.find(None, str(Path.cwd()))) == session


def test_a_run_without_a_session_leaves_nothing(home: Path) -> None:
    store = Store.open()
    with pytest.raises(KeyboardInterrupt), store.new_run(["a.py"]) as folder:
        raise KeyboardInterrupt
    assert not folder.exists()
    assert store.kept() == []


def test_the_last_record_of_each_folder(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open()
    made = {}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        keep(store)
        made[name] = keep(store)
    assert store.find(None, str(tmp_path / "one")).parent == made["one"]
    assert store.find(None, str(tmp_path / "two")).parent == made["two"]
    with pytest.raises(Refusal, match="no record was made in this folder") as raised:
        store.find(None, str(tmp_path))
    assert raised.value.hint is not None and "--list" in raised.value.hint


def test_a_record_by_name_folder_or_file(home: Path) -> None:
    store = Store.open()
    folder = keep(store)
    for name in (folder.name, str(folder), str(folder / "session.json")):
        assert store.find(name, "/").resolve() == (folder / "session.json").resolve()
    with pytest.raises(Refusal, match="there is no record"):
        store.find("nothing", "/")
    with pytest.raises(Refusal, match="holds no finished record"):
        store.find(str(home), "/")


def test_only_the_newest_are_kept_but_none_that_is_being_written(home: Path) -> None:
    store = Store.open()
    with store.new_run(["long.py"]) as running:
        newest = [keep(store) for _ in range(KEPT + 5)][-1]
        assert running.exists()
        assert newest.exists()
        assert len(store.kept()) == KEPT + 1
    keep(store)
    assert len(store.kept()) == KEPT
    assert [k.started for k in store.kept()] == sorted((k.started for k in store.kept()), reverse=True)


def test_the_last_record_of_a_folder_outlives_many_of_another(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open()
    (tmp_path / "quiet").mkdir()
    with monkeypatch.context() as there:
        there.chdir(tmp_path / "quiet")
        keep(store)
        last = keep(store)
    for _ in range(KEPT + 2):
        keep(store)
    assert store.find(None, str(tmp_path / "quiet")).parent == last
    assert len(store.kept()) == KEPT + 1


def test_several_at_once(home: Path) -> None:
    code = (
        "import sys\n"
        "from g2.cli.store import Store\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "import samples\n"
        "store = Store.open()\n"
        "for _ in range(15):\n"
        "    with store.new_run(['a.py']) as folder:\n"
        "        store.save(folder, samples.session())\n"
        "        assert (folder / 'session.json').exists()\n"
    )
    here = str(Path(__file__).parent)
    together = [subprocess.Popen([sys.executable, "-c", code, here]) for _ in range(4)]
    assert [process.wait(60) for process in together] == [0] * 4
    store = Store.open()
    assert len(store.kept()) <= KEPT + 4
    for kept in store.kept():
        read(kept.folder / "session.json")
    assert not [p for p in (home / "runs").iterdir() if p.name.startswith(".")]


def test_damage_hides_no_other_record(home: Path) -> None:
    store = Store.open()
    good = keep(store)
    for content in ("", "{", "[]", '{"cwd": 1}', "\udcff"):
        bad = keep(store)
        (bad / "about.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    (home / "runs" / "stray").write_text("a file")
    (home / "runs" / "99999999-empty").mkdir()
    assert [kept.folder for kept in store.kept()] == [good]
    assert store.find(None, str(Path.cwd())).parent == good


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "damaged"),
        ("{}", "damaged"),
        ('{"format": 1, "g2": 3}', "damaged"),
        ("[" * 100_000, "damaged|recursion"),
        (dump(samples.session())[:-40], "damaged"),
        ('{"format": 99}', "format 99"),
    ],
)
def test_a_record_that_cannot_be_read_is_refused(home: Path, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "session.json"
    path.write_text(text)
    with pytest.raises(Refusal, match=message) as raised:
        read(path)
    assert raised.value.code == 2
    newer = text == '{"format": 99}'
    assert raised.value.hint is not None
    assert ("upgrade" in raised.value.hint) is newer


def test_binary_and_missing_records(tmp_path: Path) -> None:
    path = tmp_path / "session.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Refusal):
        read(path)
    with pytest.raises(Refusal, match="cannot be read"):
        read(tmp_path / "none.json")


def test_falls_back_to_the_temporary_folder_with_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("G2_HOME", str(tmp_path / "file" / "home"))  # fails for root as well
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = Store.open()
    assert store.root == tmp_path / f"g2-{os.getuid()}"
    assert mode(store.root) == 0o700
    assert store.note is not None and str(tmp_path / "file") in store.note
    keep(store)


def test_somebody_elses_fallback_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "target").mkdir()
    (tmp_path / f"g2-{os.getuid()}").symlink_to(tmp_path / "target")
    monkeypatch.setenv("G2_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(Refusal, match="no folder for the record"):
        Store.open()


def test_a_given_home_keeps_its_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    monkeypatch.setenv("G2_HOME", str(shared))
    store = Store.open()
    assert mode(shared) == 0o755
    assert mode(keep(store)) == 0o700


def test_a_report_file_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    path.chmod(0o640)
    (tmp_path / "link.json").symlink_to(path)
    write_report(tmp_path / "link.json", "new")
    assert path.read_text() == "new"
    assert mode(path) == 0o640
    assert (tmp_path / "link.json").is_symlink()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.json", "report.json"]


def test_a_failed_write_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_report(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def test_a_device_is_written_to_directly() -> None:
    write_report(Path("/dev/null"), "text")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_about_says_who_and_where(home: Path) -> None:
    folder = keep(Store.open(), ["-m", "x", "--y"])
    about = json.loads((folder / "about.json").read_text())
    assert about["argv"] == ["-m", "x", "--y"]
    assert about["cwd"] == str(Path.cwd())
    assert replace(samples.session()) == read(folder / "session.json")


def test_a_folder_of_journals_under_another_launcher(home: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    start = {"e": "start", "pid": 7, "ppid": 1, "argv": ["train.py", "--x"], "rank": 1, "t": 5.0}
    start |= {"python": "3.11.7", "cwd": str(tmp_path), "torch": "2.13.0"}
    error = {"e": "error", "type": "ValueError", "message": "no"}
    lines = [json.dumps(event, separators=(",", ":")) for event in (start, error)]
    (raw / "journal-7.jsonl").write_text("\n".join(lines) + '\n{"e":"start","argv":["cut')
    session = read(Store.open().find(str(raw), "/"))
    assert session.argv == ("train.py", "--x")
    assert session.script_error == "ValueError: no"
    assert session.torch == "2.13.0"
    assert [process.rank for process in session.processes] == [1]
