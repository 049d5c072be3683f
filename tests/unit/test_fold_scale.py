"""Folding stays linear in the number of events: the benchmark's own made-up journals, at a size fit for a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from g2.capture.fold import journals
from g2.capture.fold.session import fold
from g2.capture.journal import Journal
from g2.capture.probe import stats
from g2.capture.tail import Tail

ROOT = Path(__file__).resolve().parents[2]
SMALL, LARGE = 4_000, 16_000


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    fold = str(ROOT / "bench" / "fold.py")
    command = [sys.executable, fold, "--json", "--places", "0", "--events", str(SMALL), str(LARGE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["sizes"]
    return found


def test_every_break_of_the_journals_is_counted(measured: dict[str, Any]) -> None:
    for size in (SMALL, LARGE):
        cost = measured[str(size)]
        assert cost["events"] == cost["written"] > size / 5
        assert cost["places"] >= 0.9 * size / 20
        assert cost["recompiles"] > 0
        assert cost["graphs"] > size / 5


def test_time_grows_with_the_events(measured: dict[str, Any]) -> None:
    # Four times the events: 4 when linear, 16 when quadratic. CPU seconds, the fewest of three: a busy machine adds
    # little.
    assert measured[str(LARGE)]["seconds"] < 8 * measured[str(SMALL)]["seconds"]


def test_time_and_memory_are_those_of_100_000_events_in_3_seconds(measured: dict[str, Any]) -> None:
    # A machine that tests run on may be three times slower than the one that the limit is meant for, not more.
    assert measured[str(LARGE)]["seconds"] < 3 * 3.0 * LARGE / 100_000
    assert measured[str(LARGE)]["megabytes"] < 500


def test_the_journal_of_a_long_run_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten hours of a loop in which nothing new happens, on the test's own clock: all is counted, little is written."""
    now = 0.0
    monkeypatch.setattr(stats, "_clock", lambda: now)
    journal = Journal(tmp_path / "journal-9.jsonl")
    journal.write({"e": "start", "pid": 9, "cwd": str(tmp_path)})
    journal.write({"e": "root", "id": "r", "name": "Net.forward", "path": "net.py", "line": 1, "by": "auto"})
    kept = stats.Stats(journal)
    calls, graphs = 18_000, 5
    for _ in range(calls):
        with kept.begin("r", None):
            for graph in range(graphs):
                kept.graph_ran(f"{graph}/0", now, now + 0.2, f"net.py:{graph}:a break")
                now += 0.4
    kept.flush(force=True)
    assert journal.path.stat().st_size < 300_000
    (log,) = journals.read(tmp_path)
    counts = log.last("stats")
    assert counts is not None
    assert counts["roots"] == {"r": calls}
    assert {runs for runs, _ in counts["graphs"].values()} == {calls}
    assert [gap[:2] for gap in counts["gaps"].values()] == [[calls, calls]] * graphs
    # The last break of a call is crossed too, but no graph starts behind it, so no time is kept.
    assert [len(gap[2]) for gap in counts["gaps"].values()] == [128] * (graphs - 1) + [0]
    (root,) = fold(tmp_path, argv=("x.py",), exit_code=0, started=0.0).roots
    assert root.calls == calls
    assert Tail(tmp_path).progress(0.0, "running").calls == calls


def test_what_was_counted_before_the_script_chose_is_left_out(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"e": "start", "pid": 9, "cwd": str(tmp_path)},
        {"e": "fork", "pid": 10, "journal": "hidden-9-0.jsonl"},
        {"e": "stats", "roots": {"early": 3}, "graphs": {"0/0": [3, 0.1]}, "gaps": {}, "eager": {}},
        {"e": "adopt_end"},
        {"e": "stats", "roots": {"chosen": 1}, "graphs": {}, "gaps": {"k": [1, 1, [0.5]]}, "eager": {}},
        {"e": "stats", "roots": {"chosen": 2}, "graphs": {}, "gaps": {"k": [2, 2, [0.7]]}, "eager": {}},
    ]
    (tmp_path / "journal-9.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "hidden-9-0.jsonl").write_text('{"e":"start"}\n')
    (log,) = journals.read(tmp_path)
    assert log.last("stats") == {
        "e": "stats", "roots": {"chosen": 2}, "graphs": {}, "gaps": {"k": [2, 2, [0.5, 0.7]]}, "eager": {},
    }  # fmt: skip
