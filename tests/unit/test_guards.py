"""Guards without torch: names, folding, meaning."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest

from g2.capture.fold import recompiles
from g2.capture.model import Guard, Owner, Recompile, Session, Span
from g2.capture.probe.guard_names import readable
from g2.explain.guards import explain_recompile, headline, reason_of
from g2.explain.recompile_reason import recompile_reasons


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("L['self'].step", "self.step"),
        ("L['x'].size()[1]", "x.size(1)"),
        ("L['x'].stride()[0]", "x.stride(0)"),
        ("G['acc']._update_count", "acc._update_count"),
        ("L['self']._modules['layers']._modules['0']", "self.layers.0"),
        ("L['self']._modules['a']._parameters['weight']", "self.a.weight"),
        ("L['self']._modules['l'].__dict__", "self.l"),
        ("L['self'].__dict__['_modules']['c1']._parameters['bias']", "self.c1.bias"),
        ("L['kwargs']['past_key_values'].layers[0].keys", "kwargs['past_key_values'].layers[0].keys"),
        ("L['___stack0'].size()[2]", "(a value computed before line 40).size(2)"),
        ("L['___stack1']", "(value 2 computed before line 40)"),
        ("L['f'].__code__", "f"),
        ("L['f'].__closure__[0].cell_contents", "closure variable 0 of f"),
        ("G['__builtins_dict___0']['len']", "len"),
        ("G['__import_torch_dot_nn'].Linear", "torch.nn.Linear"),
        ("list(dict.keys(G['d']))[1]", "key 1 of d"),
        ("___from_numpy(L['a'])", "a"),
        ("___tuple_iterator_getitem(L['it'], 2)", "it[2]"),
        ("((3*L['x'].size()[0]) % 2) == 0", "3 * x.size(0) % 2 == 0"),
        ("L['y'].size()[0] == L['x'].size()[0]", "y.size(0) == x.size(0)"),
        ("L['self']._modules['a b']", "self['a b']"),
        ("not an expression (", "not an expression ("),
    ],
)
def test_sources_as_a_person_writes_them(source: str, said: str) -> None:
    assert readable(source, 40) == said


def _event(new: str, old: str, **more: Any) -> dict[str, Any]:
    return {
        "e": "recompile", "path": "/p/a.py", "line": 3, "function": "f", "module": None,
        "site": ["/p/a.py", 9, 0, 9, 4], "stack": [],
        "guards": [{"source": "self.step", "kind": "value", "old": old, "new": new, "dim": None, "code": ""}],
        "limit": False, **more,
    }  # fmt: skip


def test_events_of_one_cause_are_one_recompile_with_all_values() -> None:
    compiled = {"e": "compile", "path": "/p/a.py", "line": 3, "function": "f", "s": 0.25}
    events: list[dict[str, Any]] = [{"e": "start"}]
    for n in range(3):
        events += [_event(str(n + 1), str(n)), compiled]
    (found,) = recompiles.fold(events, "/p")
    assert found.count == 3
    assert found.guards[0].values == ("0", "1", "2", "3")
    assert (found.guards[0].old, found.guards[0].new) == ("2", "3")
    assert found.compile_s == 0.75
    assert found.span == Span("a.py", 3)
    assert found.call_site == Span("a.py", 9, 0, 9, 4)


def test_other_guards_are_another_cause() -> None:
    other = _event("1", "0")
    other["guards"] = [*other["guards"], {**other["guards"][0], "source": "x", "kind": "size", "dim": 0}]
    assert [r.count for r in recompiles.fold([_event("1", "0"), other, _event("2", "1")], "/p")] == [2, 1]


def test_eager_calls_are_those_of_the_last_snapshot_of_each_process() -> None:
    limit = _event("9", "8", limit=True, limit_value=8)
    one: list[dict[str, Any]] = [
        {"e": "start"}, limit, {"e": "stats", "eager": {"/p/a.py:3:f": 2}}, {"e": "stats", "eager": {"/p/a.py:3:f": 5}},
    ]  # fmt: skip
    (found,) = recompiles.fold([*one, *one], "/p")
    assert (found.limit_hit, found.limit, found.eager_calls) == (True, 8, 10)


def test_folding_is_linear() -> None:
    def seconds(n: int) -> float:
        events = [_event(str(i), str(i - 1), line=i % 50) for i in range(n)]
        begin = time.perf_counter()
        recompiles.fold(events, "/p")
        return time.perf_counter() - begin

    seconds(1000)
    few, many = seconds(10_000), seconds(40_000)
    assert many < 12 * few + 0.05


def _session(*found: Recompile) -> Session:
    return Session("0", ("a.py",), "/p", 0, "3.11", "2.13.0", "cpu", 0.0, 1.0, recompiles=found)


def _recompile(*guards: Guard, **more: Any) -> Recompile:
    made = Recompile(Span("a.py", 3), "M.forward", None, 1, guards, None, Owner(True))
    return dataclasses.replace(made, **more)


@pytest.mark.parametrize(
    ("guard", "slug", "line"),
    [
        (Guard("x", "size", "4", "7", 1, ("4", "7")), "changing-size", "x.size(1) changed: 4, 7"),
        (Guard("x", "size", ">= 2", "1", 0), "zero-one-size", "x.size(0) changed: >= 2, 1"),
        (Guard("self.step", "value", "0", "1"), "changing-number", "self.step changed: 0, 1"),
        (Guard("self.training", "value", "True", "False"), "changing-flag", "self.training changed: True, False"),
        (Guard("mode", "value", "'a'", "'b'"), "changing-value", "mode changed: 'a', 'b'"),
        (Guard("y", "type", "None", "Tensor float32[3]"), "changing-type", "y changed: None, Tensor float32[3]"),
        (Guard("x", "dtype", "torch.float32", "torch.float64"), "changing-dtype", "x.dtype changed: "
                                                                                  "torch.float32, torch.float64"),
        (Guard("d", "keys", "{'a'}", "{'b'}"), "changing-keys", "the keys of d changed: {'a'}, {'b'}"),
        (Guard("m.extra", "attribute", "absent", "present"), "changing-keys", "m.extra is present now, and was absent"),
        (Guard("?", "other", "a", "b"), "unknown-guard", "? changed: a, b"),
    ],
)  # fmt: skip
def test_each_kind_of_guard_has_its_reason(guard: Guard, slug: str, line: str) -> None:
    assert reason_of(guard).slug == slug
    assert headline(guard) == line


def test_the_limit_is_in_the_headline_and_in_the_advice() -> None:
    found = _recompile(Guard("self.step", "value", "7", "8"), limit_hit=True, limit=8, eager_calls=40, count=8)
    told = explain_recompile(found, _session(found))
    assert told.headline == "self.step changed: 7, 8 (recompile limit of 8 hit; 40 calls ran in eager)"
    assert any("register_buffer" in step for step in told.advice)
    assert any("recompile_limit = 16" in step for step in told.advice)


def test_what_happened_once_is_said_so_but_not_what_came_again() -> None:
    guard = Guard("x", "size", "4", "7", 1, ("4", "7"))
    once = _recompile(guard)
    twice = _recompile(guard, Guard("y", "size", "4", "7", 0))
    assert "happened once" in explain_recompile(once, _session(once)).advice[0]
    assert not any("happened once" in step for step in explain_recompile(once, _session(once, twice)).advice)


def test_a_library_function_is_answered_from_outside() -> None:
    found = _recompile(Guard("self._step_index", "value", "0", "1"), owner=Owner(False, "diffusers", "0.35"))
    assert any("belongs to diffusers 0.35" in step for step in explain_recompile(found, _session(found)).advice)


def test_a_recompile_without_known_guards_is_still_explained() -> None:
    found = _recompile()
    assert explain_recompile(found, _session(found)).reason == "unknown-guard"
    hit = _recompile(limit_hit=True)
    assert explain_recompile(hit, _session(hit)).reason == "recompile-limit"


def test_every_text_is_there() -> None:
    for slug, reason in recompile_reasons().items():
        for text in (reason.title, reason.happened, reason.why, reason.instead, reason.cost):
            assert text, slug
        assert reason.example is not None or slug in {"recompile-limit", "unknown-guard"}, slug
