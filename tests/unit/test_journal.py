"""The journal: every event whole, whatever the process does to its descriptors, its disk and its modules."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import sys
import threading
from pathlib import Path

import pytest

from g2.capture.fold import journals
from g2.capture.journal import Journal, failures


def events(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_one_event_is_one_line_of_ascii(tmp_path: Path) -> None:
    path = tmp_path / "journal-1.jsonl"
    Journal(path).write({"e": "break", "title": "a\nb\u4e16\udcff", "span": (1, 2), "other": {1: object}})
    data = path.read_bytes()
    assert data.isascii()
    assert data.count(b"\n") == 1
    assert events(path)[0]["title"] == "a\nb\u4e16\udcff"
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_written_makes_no_file(tmp_path: Path) -> None:
    Journal(tmp_path / "journal-1.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_goes_on_after_all_descriptors_were_closed(tmp_path: Path) -> None:
    path = tmp_path / "journal-1.jsonl"
    if (child := os.fork()) == 0:
        journal = Journal(path)
        journal.write({"e": "a"})
        os.closerange(0, 256)
        journal.write({"e": "b"})
        taken = [os.open(os.devnull, os.O_RDWR) for _ in range(3)]  # the script gets the numbers it counts on
        journal.write({"e": "c", "taken": taken})
        os._exit(0)
    os.waitpid(child, 0)
    assert [e["e"] for e in events(path)] == ["a", "b", "c"]
    assert events(path)[2]["taken"] == [0, 1, 2]


def test_a_number_that_became_another_file_is_not_written_to(tmp_path: Path) -> None:
    path, other = tmp_path / "journal-1.jsonl", tmp_path / "other"
    journal = Journal(path)
    journal.write({"e": "a"})
    with other.open("wb") as file:
        os.dup2(file.fileno(), journal._fd)
        taken = journal._fd
        journal.write({"e": "b"})
    os.close(taken)
    assert other.read_bytes() == b""
    assert [e["e"] for e in events(path)] == ["a", "b"]


def test_the_descriptor_is_not_inherited(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal-1.jsonl")
    journal.write({"e": "a"})
    assert fcntl.fcntl(journal._fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_remembered_beside_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal-77.jsonl"
    path.symlink_to("/dev/full")
    journal = Journal(path)
    journal.write({"e": "a"})
    journal.write({"e": "b"})
    assert journal.written == 0
    assert journal.failed == os.strerror(errno.ENOSPC)
    assert failures(tmp_path) == {"journal-77": os.strerror(errno.ENOSPC)}


def test_a_write_that_is_cut_short_names_the_reason(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "journal-78.jsonl"
    if (child := os.fork()) == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (180, 180))
        journal = Journal(path)
        for n in range(9):
            journal.write({"e": "n", "text": "x" * 30, "n": n})
        os._exit(0)
    os.waitpid(child, 0)
    assert path.stat().st_size == 180
    assert failures(tmp_path) == {"journal-78": os.strerror(errno.EFBIG)}
    (log,) = journals.read(tmp_path)
    assert [e["n"] for e in log.events] == [0, 1]


def test_a_folder_that_is_gone_raises_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "gone" / "journal-1.jsonl")
    journal.write({"e": "a"})
    assert journal.failed == os.strerror(errno.ENOENT)


def test_an_event_that_cannot_be_encoded_loses_no_other(tmp_path: Path) -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise ValueError("no")

    path = tmp_path / "journal-1.jsonl"
    journal = Journal(path)
    ring: list[object] = []
    ring.append(ring)
    for bad in (Hostile(), ring):
        journal.write({"e": "bad", "value": bad})
        journal.write({"e": "good"})
    assert [e["e"] for e in events(path)] == ["lost", "good", "lost", "good"]
    assert events(path)[0]["what"] == "an event could not be written down: ValueError: no"


def test_deep_recursion_loses_no_other(tmp_path: Path) -> None:
    path = tmp_path / "journal-1.jsonl"
    journal = Journal(path)

    def down(n: int) -> None:
        journal.write({"e": "deep", "n": n})
        down(n + 1)

    with pytest.raises(RecursionError):
        down(0)
    assert journal.failed is None
    journal.write({"e": "good"})
    assert events(path)[-1]["e"] == "good"


def test_move_begins_with_the_first_event_only_when_there_is_another(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal-1.jsonl")
    journal.write({"e": "a"})
    journal.move(tmp_path / "journal-2.jsonl", lambda: {"e": "start"})
    assert journal.written == 0
    assert not (tmp_path / "journal-2.jsonl").exists()
    journal.write({"e": "b"})
    journal.write({"e": "c"})
    assert [e["e"] for e in events(tmp_path / "journal-1.jsonl")] == ["a"]
    assert [e["e"] for e in events(tmp_path / "journal-2.jsonl")] == ["start", "b", "c"]


def test_lines_of_several_threads_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal-1.jsonl"
    journal = Journal(path)
    journal.write({"e": "a"})

    def many(who: int) -> None:
        for n in range(200):
            journal.write({"e": "t", "who": who, "n": n, "text": "x" * 3000})

    threads = [threading.Thread(target=many, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = events(path)
    assert len(found) == 801
    for who in range(4):
        assert [e["n"] for e in found if e.get("who") == who] == list(range(200))


def test_patched_modules_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal-1.jsonl"
    journal = Journal(path)

    def broken(*_: object, **__: object) -> None:
        raise AssertionError("the script's own")

    with monkeypatch.context() as patch:
        for name in ("open", "write", "close", "fstat", "getpid", "fspath"):
            patch.setattr(os, name, broken)
        patch.setattr(json, "dumps", broken)
        patch.setattr(json.JSONEncoder, "encode", broken)
        patch.setattr(json.JSONEncoder, "default", broken)
        patch.setitem(sys.modules, "json", None)
        journal.write({"e": "a", "object": object})
    assert [e["e"] for e in events(path)] == ["a"]


@pytest.mark.parametrize("rest", [b'{"e":"b', b"\xff\xfe\n", b"[]\n", b'{"no":1}\n', b"\n", b"null\n"])
def test_what_a_crash_leaves_is_read_around(tmp_path: Path, rest: bytes) -> None:
    path = tmp_path / "journal-1.jsonl"
    path.write_bytes(b'{"e":"a"}\n' + rest)
    (log,) = journals.read(tmp_path)
    assert [e["e"] for e in log.events] == ["a"]
