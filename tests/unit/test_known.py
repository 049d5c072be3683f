"""What a baseline knows is found again after moves, renames and reformatting; what was added is new."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

import pytest
import samples
from hypothesis import given, settings
from hypothesis import strategies as st

from g2.explain.findings import report
from g2.explain.known import Known, compare, merged, normal, of_breaks, of_recompiles, of_sighting
from g2.explain.scan.model import Sighting, Sureness

PRINT = Known("model.py", "Net.forward", "print-call", "print(x)")
ITEM = Known("model.py", "Net.forward", "host-value", "x.max().item()")

names = st.sampled_from(["Net.forward", "Block.forward", "Net.encode", "step", "helper"])
codes = st.sampled_from(["print(x)", "print(y.mean())", "x.item()", "if x.sum() > 0", "logger.info('a %d', n)"])
paths = st.sampled_from(["a.py", "b.py", "pkg/c.py", "pkg/d.py", "e.py"])
places = st.lists(st.builds(Known, paths, names, st.sampled_from(["print-call", "host-value"]), codes), max_size=30)


@given(places, st.randoms())
def test_the_order_of_lines_makes_nothing_new(found: list[Known], chance: object) -> None:
    moved = list(found)
    chance.shuffle(moved)  # type: ignore[attr-defined]
    assert compare(found, moved).new == ()
    assert compare(merged(found), moved).gone == ()


@given(places, st.permutations(["a.py", "b.py", "pkg/c.py", "pkg/d.py", "e.py", "new.py"]))
def test_renamed_files_make_nothing_new(found: list[Known], to: list[str]) -> None:
    renamed = dict(zip(["a.py", "b.py", "pkg/c.py", "pkg/d.py", "e.py"], to, strict=False))
    after = [replace(place, path=renamed[place.path]) for place in found]
    assert compare(found, after).new == ()
    told = compare(found, after, renamed, present=set(renamed.values()))
    assert (told.new, told.gone) == ((), ())


@given(places, st.permutations(["Net.forward", "Block.forward", "Net.encode", "step", "other"]))
def test_renamed_functions_make_nothing_new(found: list[Known], to: list[str]) -> None:
    renamed = dict(zip(["Net.forward", "Block.forward", "Net.encode", "step", "helper"], to, strict=True))
    after = [replace(place, function=renamed[place.function]) for place in found]
    assert compare(found, after, present={place.path for place in found}).new == ()


@given(places, st.data())
def test_each_known_finding_excuses_one(found: list[Known], data: st.DataObject) -> None:
    if found:
        again = data.draw(st.sampled_from(found))
        difference = compare(merged(found), [*found, again])
        assert len(difference.new) == 1
        new = [*found, again][difference.new[0]]
        assert (new.reason, new.code) == (again.reason, again.code)


@given(places, places)
def test_nothing_is_counted_twice(before: list[Known], after: list[Known]) -> None:
    difference = compare(before, after)
    gone = sum(entry.count for entry in difference.gone)
    assert len(before) - gone == len(after) - len(difference.new) == len(difference.matched)
    assert not set(difference.new) & set(difference.matched)
    for reason, number in Counter(place.reason for place in after).items():
        known = sum(place.reason == reason for place in before)
        assert sum(after[i].reason == reason for i in difference.new) >= number - known


@given(places, places)
def test_what_changed_never_hides_that_there_are_more(before: list[Known], added: list[Known]) -> None:
    assert len(compare(before, [*before, *added]).new) == len(added)


SOURCES = st.sampled_from(
    [
        ("x.item()", "x .item( )"),
        ("print('a', x)", 'print("a",\n      x)'),
        ("if x.sum() > 0:\n    y = 1", "if (x.sum()>0):\n        y=1  # why"),
        ("{'a': 1}", "{\n    'a': 1,\n}"),
        ("for i in (1, 2): pass", "for i in 1, 2:\n    pass"),
    ]
)


@given(SOURCES)
def test_reformatting_makes_nothing_new(pair: tuple[str, str]) -> None:
    assert normal(pair[0]) == normal(pair[1])


def test_what_does_not_parse_is_known_by_its_words() -> None:
    assert normal("with  torch.no_grad():") == normal("with torch.no_grad():\n")
    assert normal("\0") == "\0"
    assert normal("(" * 5000) == "(" * 5000


def test_a_second_equal_print_is_new_and_is_the_last_one() -> None:
    assert compare([PRINT], [PRINT, PRINT]).new == (1,)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("print(x)", "print(loss)"),
        ("print('step', x)", "print('step of', x, n)"),
        ("if x.sum() > 0", "if hidden.sum() > 0.5"),
        ("x[0].item()", "y[1].item()"),
    ],
)
def test_an_edited_line_is_not_new(before: str, after: str) -> None:
    assert not compare([replace(PRINT, code=before)], [replace(PRINT, code=after)]).new


@pytest.mark.parametrize(
    ("before", "after"),
    [("print(x)", "print_all(x)"), ("x.item()", "x.tolist()"), ("if x.sum() > 0", "if x.isnan().any()")],
)
def test_another_line_is_new(before: str, after: str) -> None:
    difference = compare([replace(PRINT, code=before)], [replace(PRINT, code=after)])
    assert difference.new == (0,)
    assert [entry.code for entry in difference.gone] == [before]


def test_an_edited_line_of_another_function_is_new() -> None:
    assert compare([PRINT], [replace(PRINT, function="Net.encode", code="print(y)")]).new == (0,)


def test_what_a_baseline_names_and_is_mended_excuses_nothing_in_another_file() -> None:
    elsewhere = replace(PRINT, path="other.py")
    assert compare([PRINT], [elsewhere], present={"model.py", "other.py"}).new == (0,)
    assert compare([PRINT], [elsewhere], present={"other.py"}).new == ()  # its file was renamed
    assert compare([PRINT], [elsewhere]).new == ()  # as far as a commit tells, it moved


def test_the_nearest_place_is_taken_first() -> None:
    far, near = replace(PRINT, path="other.py"), replace(PRINT, function="Net2.forward")
    difference = compare([PRINT], [far, near])
    assert difference.new == (0,)
    assert difference.matched == {1: PRINT}


def test_gone_is_what_occurs_no_more() -> None:
    difference = compare([replace(PRINT, count=3), ITEM], [PRINT])
    assert difference.gone == (ITEM, replace(PRINT, count=2))


def test_a_git_rename_with_a_renamed_function() -> None:
    after = replace(PRINT, path="net.py", function="Net.run")
    assert not compare([PRINT], [after], {"model.py": "net.py"}, present={"net.py"}).new


def test_many_findings_take_no_longer_each() -> None:
    def seconds(number: int) -> float:
        # All of one function and reason: the worst case of every pass.
        before = [replace(PRINT, code=f"print(x{i}.a{i})") for i in range(number)]
        after = [replace(PRINT, code=f"print_{i}(x)") for i in range(number)]
        begin = time.process_time()
        compare(before, after)
        return time.process_time() - begin

    seconds(1000)
    few, many = min(seconds(2000) for _ in range(3)), min(seconds(20_000) for _ in range(3))
    assert many < 40 * few


def test_a_sighting_is_known_without_its_line() -> None:
    from g2.capture.model import Span

    sighting = Sighting(Span("a.py", 3, 4), "print-call", "print", "f", "print(x)", Sureness.SURE)
    assert of_sighting(sighting) == Known("a.py", "f", "print-call", "print(x)")


def test_the_findings_of_a_run_are_known_by_their_code() -> None:
    shown = report(samples.session())
    breaks = of_breaks(shown, shown.session.cwd)
    assert len(breaks) == len(shown.findings)
    own = [known for known, f in zip(breaks, shown.findings, strict=True) if f.place.owner.mine]
    assert own
    assert not any(known.path.startswith("/") for known in own)
    assert not any("site-packages" in known.path for known in breaks)
    assert {known.reason for known in breaks} == {f.reason.slug for f in shown.findings}
    for known, finding in zip(of_recompiles(shown, shown.session.cwd), shown.recompiles, strict=True):
        assert known.times == finding.count > 0
        assert known.code == ", ".join(sorted({guard.source for guard in finding.recompile.guards}))


@settings(max_examples=300)
@given(st.text(alphabet="ab(.)'\"\\0123 _=<>", max_size=40), st.text(alphabet="ab(.)'\"\\0123 _=<>", max_size=40))
def test_any_code_can_be_compared(one: str, other: str) -> None:
    difference = compare([replace(PRINT, code=one)], [replace(PRINT, code=other)])
    assert len(difference.new) == sum(entry.count for entry in difference.gone) <= 1
