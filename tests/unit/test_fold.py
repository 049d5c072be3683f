"""Recorded journals of real runs, folded without torch (fixtures/journals/README.md says how they were made)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from g2.capture import codec
from g2.capture.fold import session
from g2.capture.model import Break, Effect, Owner, Session

JOURNALS = Path(__file__).parents[2] / "fixtures" / "journals"
PROJECT = "/home/me/project"
PACKAGES = "/home/me/.venv/lib/python3.11/site-packages"
Event = dict[str, Any]
Change = Callable[[list[Event]], list[Event]]


def fold(folder: Path, exit_code: int = 0) -> Session:
    return session.fold(folder, argv=("script.py",), exit_code=exit_code, started=0.0)


def recorded(name: str) -> Session:
    return fold(JOURNALS / name)


def changed(tmp_path: Path, name: str, journal: str, change: Change) -> Session:
    """The recorded run `name`, with the events of one of its journals changed."""
    folder = tmp_path / name
    shutil.copytree(JOURNALS / name, folder)
    path = folder / journal
    events = change([json.loads(line) for line in path.read_text("utf-8").splitlines()])
    path.write_text("".join(json.dumps(event) + "\n" for event in events), "utf-8")
    return fold(folder)


def at(found: Session, line: int) -> Break:
    (place,) = (b for b in found.breaks if b.span.line == line)
    return place


@pytest.mark.parametrize("name", sorted(p.name for p in JOURNALS.iterdir() if p.is_dir()))
def test_a_recorded_run_folds_to_a_whole_session(name: str) -> None:
    found = recorded(name)
    assert (found.torch, found.python, found.cwd) == ("2.13.0+cpu", "3.11.7", PROJECT)
    assert found.breaks and found.roots and found.processes
    assert (found.lost, found.script_error, found.hidden_looked_for) == ((), None, True)
    assert all(b.span.path.startswith("fixtures/") and b.owner == Owner(mine=True) for b in found.breaks)
    assert codec.load(codec.dump(found)) == found


def test_effects() -> None:
    found = recorded("packed-lstm")
    assert [(b.span.line, b.kind, b.effect, b.hidden) for b in found.breaks] == [
        (19, "GB0007", Effect.SPLIT, False),
        (20, "GB0014", Effect.FRAME_LOST, False),  # told as a split first, then by frame_lost
        (20, "GB0007", Effect.SPLIT, True),
    ]


def test_a_frame_that_dynamo_itself_failed_on_is_raised(tmp_path: Path) -> None:
    def fails(events: list[Event]) -> list[Event]:
        again = {**next(e for e in events if e["e"] == "break" and e["line"] == 19), "effect": "raised"}
        return [*events, again]

    place = at(changed(tmp_path, "packed-lstm", "journal-101.jsonl", fails), 19)
    assert (place.effect, place.count) == (Effect.RAISED, 2)


def test_events_of_one_place_and_kind_are_one_break(tmp_path: Path) -> None:
    def twice(events: list[Event]) -> list[Event]:
        first = next(e for e in events if e["e"] == "break")
        same = {**first, "stack": [[first["path"], 99, 0, 99, 5, "other"], *first["stack"]], "id": "7/0"}
        return [*events, same, {**first, "kind": "GB9999"}, {**first, "column": 1}]

    found = changed(tmp_path, "packed-lstm", "journal-101.jsonl", twice)
    counts = [(b.kind, b.span.column, b.count) for b in found.breaks if b.span.line == 19]
    assert counts == [("GB0007", 17, 2), ("GB9999", 17, 1), ("GB0007", 1, 1)]
    assert found.breaks[0].stack == recorded("packed-lstm").breaks[0].stack  # the first caller's


def test_breaks_behind_the_first_one_are_hidden() -> None:
    found = recorded("loop")
    assert [(b.span.line, b.hidden) for b in found.breaks] == [(16, False), (17, True), (19, True), (20, True)]
    assert at(found, 16).effect is Effect.FRAME_LOST


def test_a_place_that_the_run_itself_met_is_not_hidden(tmp_path: Path) -> None:
    def meets(events: list[Event]) -> list[Event]:
        hidden = (JOURNALS / "loop" / "hidden-101-0.jsonl").read_text("utf-8").splitlines()
        (met,) = (e for e in map(json.loads, hidden) if e.get("line") == 19)
        # Dynamo may stop at another column of the line than the fork did: line and kind are enough.
        return [*events, {**met, "hidden": False, "column": met["column"] + 6}]

    found = changed(tmp_path, "loop", "journal-101.jsonl", meets)
    assert (at(found, 19).hidden, at(found, 19).count) == (False, 1)
    assert [b.span.line for b in found.breaks if b.hidden] == [17, 20]


def test_what_only_a_fork_reached_is_no_break(tmp_path: Path) -> None:
    def elsewhere(events: list[Event]) -> list[Event]:
        return [{**e, "frame": [e["frame"][0], 3, "never"]} if e.get("line") == 19 else e for e in events]

    found = changed(tmp_path, "loop", "hidden-101-0.jsonl", elsewhere)
    assert [b.span.line for b in found.breaks if b.hidden] == [17, 20]


def test_after_effects_stand_under_their_cause() -> None:
    found = recorded("after-effects")
    causes = {b.span.line: b.after_effect_of and b.after_effect_of.line for b in found.breaks}
    assert causes == {20: None, 11: 20, 22: 20, 29: None, 32: 29}
    assert all(b.effect is Effect.FRAME_LOST for b in found.breaks)


def test_without_its_cause_the_same_break_stands_for_itself(tmp_path: Path) -> None:
    def alone(events: list[Event]) -> list[Event]:
        return [
            {**e, "after": None} if e["e"] == "break" else e
            for e in events
            if not (e["e"] == "frame_lost" or (e["e"] == "break" and e["line"] in (20, 29)))
        ]

    found = changed(tmp_path, "after-effects", "journal-101.jsonl", alone)
    assert at(found, 32).after_effect_of is None


def test_an_error_of_the_script_is_no_break(tmp_path: Path) -> None:
    def fails(events: list[Event]) -> list[Event]:
        first = next(e for e in events if e["e"] == "break" and e["line"] == 29)
        raised = {"e": "root_raised", "root": first["root"], "call": first["call"]}
        return [*({**e, "effect": "raised"} if e is first else e for e in events), raised]

    found = changed(tmp_path, "after-effects", "journal-101.jsonl", fails)
    # What the fork saw there, where it went on with real values, stays.
    assert [(b.span.line, b.hidden) for b in found.breaks] == [(20, False), (11, False), (22, False), (29, True)]


def test_what_was_adopted_before_the_script_compiled_is_forgotten() -> None:
    found = recorded("compiled-late")
    assert [(r.name, r.by, r.calls) for r in found.roots] == [("Net.forward", "script", 2)]
    assert [(b.span.line, b.count, b.calls, b.hidden) for b in found.breaks] == [(17, 1, 2, False)]
    assert [(g.id, g.ops, g.calls) for g in found.graphs] == [("0/0", 3, 2)]


def test_the_device_is_the_one_that_graphs_ran_on(tmp_path: Path) -> None:
    def moved(events: list[Event]) -> list[Event]:
        return [*events[:-1], {"e": "device", "device": "cuda (NVIDIA H200)"}, events[-1]]

    assert recorded("ranks").device == "cpu"
    assert changed(tmp_path, "ranks", "journal-201.jsonl", moved).device == "cuda (NVIDIA H200)"


def test_ranks_are_folded_into_one() -> None:
    found = recorded("ranks")
    assert [(p.pid, p.rank, p.breaks, p.graphs) for p in found.processes] == [(101, 0, 2, 3), (201, 1, 2, 3)]
    assert [(r.name, r.by, r.calls) for r in found.roots] == [("step", "script", 40)]
    assert [(b.span.line, b.count, b.calls) for b in found.breaks] == [(17, 2, 40), (19, 2, 40)]


def test_costs() -> None:
    slow, quick = recorded("ranks").breaks  # the script sleeps ten milliseconds at the first one
    assert slow.cost.per_call_ms is not None and 10 <= slow.cost.per_call_ms < 12
    assert quick.cost.per_call_ms is not None and quick.cost.per_call_ms < 1
    for cost in (slow.cost, quick.cost):
        # The first crossing of each process warms caches and is left out.
        assert (cost.graphs, cost.samples) == (2, 38)
        assert cost.compile_s > 0 and "38 crossings, median" in cost.basis


def test_a_break_without_a_graph_before_it_has_no_time() -> None:
    cost = at(recorded("loop"), 16).cost
    assert (cost.per_call_ms, cost.samples, cost.graphs) == (None, 0, 0)
    assert cost.basis.startswith("not measured")
    assert cost.compile_s == pytest.approx(0.3442)


def test_a_lost_frame_is_met_by_every_later_call(tmp_path: Path) -> None:
    def called(events: list[Event]) -> list[Event]:
        (root,) = (e["id"] for e in events if e["e"] == "root")
        return [*events, {"e": "stats", "roots": {root: 5}, "graphs": {}, "gaps": {}, "eager": {}}]

    found = changed(tmp_path, "loop", "journal-101.jsonl", called)
    assert found.roots[0].calls == 5
    assert at(found, 16).calls == 5


def test_a_library_s_place_names_its_package(tmp_path: Path) -> None:
    def installed(events: list[Event]) -> list[Event]:
        path = f"{PACKAGES}/einops/layers.py"
        return [{**e, "path": path} if e.get("line") == 19 and e["e"] == "break" else e for e in events]

    place = changed(tmp_path, "packed-lstm", "journal-101.jsonl", installed).breaks[0]
    assert (place.span.path, place.owner) == (f"{PACKAGES}/einops/layers.py", Owner(False, "einops", None))


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(JOURNALS / "ranks", folder)
    journal = folder / "journal-201.jsonl"
    text = journal.read_bytes()
    second = text.index(b'{"e":"break"', text.index(b'{"e":"break"') + 1)
    journal.write_bytes(text[: second + 100])  # killed while it wrote its second break
    found = fold(folder, exit_code=-9)
    assert [(p.pid, p.breaks) for p in found.processes] == [(101, 2), (201, 1)]
    assert [b.count for b in found.breaks] == [2, 1]
    assert [what for what in found.lost if "201" in what and "without warning" in what]


def test_what_could_not_be_observed_is_told_once(tmp_path: Path) -> None:
    def ends(events: list[Event]) -> list[Event]:
        return [*events[:-1], {"e": "lost", "what": "a hook is missing"}, {"e": "lost", "what": "a hook is missing"}]

    found = changed(tmp_path, "loop", "journal-101.jsonl", ends)
    assert found.lost[0] == "a hook is missing"
    assert len(found.lost) == 2  # and that the end is missing


def test_an_unknown_event_passes(tmp_path: Path) -> None:
    def newer(events: list[Event]) -> list[Event]:
        return [{"e": "from-a-later-version", "deep": [{"x": 1}]}, *events]

    found, before = changed(tmp_path, "packed-lstm", "journal-101.jsonl", newer), recorded("packed-lstm")
    assert (found.breaks, found.graphs, found.roots) == (before.breaks, before.graphs, before.roots)


def test_an_empty_folder_is_a_run_without_torch(tmp_path: Path) -> None:
    found = fold(tmp_path)
    assert (found.torch, found.breaks, found.processes, found.lost) == (None, (), (), ())
    assert not found.hidden_looked_for
