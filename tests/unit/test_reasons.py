"""The reasons: found by looking, all of Dynamo's ids led to one, and one line and steps for each place. No torch."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from g2.capture.model import Break, Effect, Frame, Owner, Snippet, Span
from g2.explain import pages, registry
from g2.explain.catalog import (
    LAST_RESORT,
    UnknownReason,
    by_kind,
    claim_order,
    everything,
    evidence,
    kind_of,
    lookup,
    nearest,
    reason_for,
    reasons,
    source_text,
)
from g2.explain.headline import advice, headline
from g2.explain.prose import prose
from g2.explain.reading import header
from g2.explain.reason import Evidence, Reason
from g2.explain.written import stale, write

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ("title", "happened", "why", "instead", "cost")

BRANCH = Break(
    span=Span("train.py", 3, 7, 3, 18),
    kind="GB0170",
    title="Data-dependent branching",
    context="attempted to jump with TensorVariable()",
    function="step",
    module=None,
    stack=(Frame(Span("train.py", 3, 7, 3, 18), "step"),),
    count=1,
    calls=1,
    owner=Owner(mine=True),
    effect=Effect.SPLIT,
    opcode="POP_JUMP_IF_FALSE",
    snippet=Snippet(2, ("    y = x", "    if x.sum() > 0:", "        y = 1")),
)


def seen(kind: str | None = None, title: str = "", context: str = "", source: str = "", path: str = "") -> Evidence:
    return Evidence(kind, title, context, "", source, path, "step")


def test_there_are_at_least_thirty_of_their_own() -> None:
    own = [reason for reason in reasons().values() if not reason.family]
    assert len(own) >= 30
    assert all(reason.example for reason in own), [r.slug for r in own if not r.example]


@pytest.mark.parametrize("reason", reasons().values(), ids=lambda reason: reason.slug)
def test_texts_are_whole(reason: Reason) -> None:
    for field in TEXTS:
        text = getattr(reason, field)
        assert len(text) < 2000
        assert not re.search(r"report an? (issue|bug)|file an? (issue|bug)", text, re.IGNORECASE)
        assert text.isascii(), "plain characters only"
    assert len(reason.title) < 80
    for field in ("happened", "why", "cost"):
        assert getattr(reason, field).endswith("."), f"{field} ends in the middle of a sentence"
    for step in (*reason.steps, *reason.outside):
        assert step.endswith(".")
        assert len(step) < 260
    assert reason.steps, "a place in the person's own file needs a step"


@pytest.mark.parametrize("reason", reasons().values(), ids=lambda reason: reason.slug)
def test_ids_are_dynamos(reason: Reason) -> None:
    assert set(reason.kinds) <= set(registry.entries())


def test_every_id_of_every_version_leads_to_a_reason() -> None:
    assert registry.versions() == ("2.11", "2.12", "2.13", "2.14", "2.15")
    found = {entry.id: pages.led_to(entry) for entry in registry.entries().values()}
    assert len(found) == 593
    assert [kind for kind, reason in found.items() if reason.slug == LAST_RESORT] == []
    own = sum(not reason.family for reason in found.values())
    assert own > len(found) / 2, "most ids lead to a reason of their own"


def test_an_id_from_the_future_leads_to_a_family_by_its_name() -> None:
    assert reason_for(seen("GB9999", "torch.while_loop: something new")).slug == "higher-order-operator"
    assert reason_for(seen("GB9999", "Flux capacitor overheated")).slug == LAST_RESORT


@pytest.mark.parametrize(
    ("what", "slug"),
    [
        pytest.param(seen("GB0170", context="jump with SymNodeVariable()"), "size-from-data", id="symbol"),
        pytest.param(seen("GB0170", context="jump with NumpyNdarrayVariable()"), "numpy-on-numbers", id="numpy"),
        pytest.param(seen("GB0170", source="np.random.rand() < p"), "numpy-random", id="draw before numbers"),
        pytest.param(seen("GB0170", context="jump with TensorVariable()"), "tensor-branch", id="tensor"),
        pytest.param(seen("GB0007", context="module: time, qualname: time, skip reason: x"), "clock-read", id="clock"),
        pytest.param(
            seen("GB0007", context="module: <unknown module>, qualname: Random.random, skip reason: x"),
            "python-random",
            id="draw",
        ),
        pytest.param(seen("GB0007", context="module: mine, qualname: f, skip reason: x"), "skipped-function", id="any"),
        pytest.param(
            seen("GB0059", context="builtin print [<class 'ConstantVariable'>] False"), "print-call", id="print"
        ),
        pytest.param(
            seen("GB0059", context="builtin range [<class 'TensorVariable'>] False"), "host-value", id="range"
        ),
        pytest.param(
            seen("GB0059", context="builtin memoryview [<class 'ConstantVariable'>] False"),
            "object-operation",
            id="other builtin",
        ),
        pytest.param(seen("GB0033", context="aten._local_scalar_dense.default"), "host-value", id="item"),
        pytest.param(seen("GB0033", context="aten.equal.default"), "data-dependent-answer", id="equal"),
        pytest.param(seen("GB0033", source="F.one_hot(x, n)"), "one-hot", id="one_hot"),
        pytest.param(
            seen("GB0025", path="/v/lib/python3.11/site-packages/torch/optim/optimizer.py"),
            "optimizer-in-region",
            id="torch's own graph_break",
        ),
        pytest.param(seen("GB0025", path="train.py"), "disabled-on-purpose", id="the person's graph_break"),
        pytest.param(
            seen("GB4841", path="/usr/lib/python3.12/logging/__init__.py"), "logging-call", id="inside logging"
        ),
        pytest.param(
            seen("GB4841", "Unsupported python_type() call", path="/v/python3.12/site-packages/logging/a.py"),
            "object-operation",
            id="a package, not the standard library",
        ),
        pytest.param(
            seen(None, "TorchRuntimeError: RuntimeError when making fake tensor call"),
            "operator-fails",
            id="operator",
        ),
        pytest.param(
            seen(None, "AttributeError: 'method' object has no attribute '__dict__'"), "dynamo-error", id="own error"
        ),
    ],
)
def test_claims(what: Evidence, slug: str) -> None:
    assert reason_for(what).slug == slug


def test_before_is_kept() -> None:
    order = [reason.slug for reason in claim_order()]
    for reason in claim_order():
        for later in reason.before:
            if later in order:
                assert order.index(reason.slug) < order.index(later)


def test_lookup() -> None:
    assert lookup("tensor-branch").slug == "tensor-branch"
    assert lookup(" Tensor_Branch ").slug == "tensor-branch"
    assert lookup("gb170").slug == "tensor-branch"
    assert lookup("GB0124").slug == "host-value"
    assert lookup("changing-size") is everything()["changing-size"]
    assert kind_of("GB124") == "GB0124"
    assert kind_of("tensor-branch") is None
    assert by_kind("GB9999") is None


def test_a_typo_gets_a_suggestion() -> None:
    assert nearest("tensor-brunch")[0] == "tensor-branch"
    with pytest.raises(UnknownReason, match="Did you mean host-value") as raised:
        lookup("host-valeu")
    assert raised.value.suggestions[0] == "host-value"
    with pytest.raises(UnknownReason):
        lookup("GB9999")
    assert nearest("xyzzy") == []


def test_source_is_cut_by_bytes() -> None:
    snippet = Snippet(4, ("é = f(x)", "g(", "  y)"))
    assert source_text(Span("a.py", 4, 5, 4, 9), snippet) == "f(x)"
    assert source_text(Span("a.py", 5, 0, 6, 4), snippet) == "g(\n  y)"
    assert source_text(Span("a.py", 5), snippet) == "g("
    assert source_text(Span("a.py", 9, 0, 9, 1), snippet) == ""
    assert source_text(Span("a.py", 3, 0, 3, 1), snippet) == ""
    assert source_text(Span("a.py", 4, 0, 4, 1), None) == ""


@pytest.mark.parametrize(
    ("source", "head"),
    [
        ("if a[1:2] == {'k': 1}['k']:\n    y", "if a[1:2] == {'k': 1}['k']"),
        ("with open('a:b') as f:", "with open('a:b') as f"),
        ("x[1:2] + 1", "x[1:2] + 1"),
        ("not a or b:  # why\n    y", "not a or b"),
    ],
)
def test_header(source: str, head: str) -> None:
    assert header(source) == head


def test_headline_is_specific() -> None:
    assert headline(BRANCH, reason_for(evidence(BRANCH))) == "`if` on a tensor's value: x.sum() > 0"


@pytest.mark.parametrize("reason", reasons().values(), ids=lambda reason: reason.slug)
def test_headlines_are_short_and_plain(reason: Reason) -> None:
    long = replace(BRANCH, snippet=Snippet(3, ("    if " + "a_long_name + " * 20 + "1:",)))
    long = replace(long, span=Span("train.py", 3, 7, 3, 280))
    bare = replace(BRANCH, snippet=None, context="", title="", function="")
    inside = replace(BRANCH, span=Span("/v/lib/python3.11/site-packages/torch/nn/modules/module.py", 1, 0, 1, 5))
    for place in (BRANCH, long, bare, inside):
        line = headline(place, reason)
        assert 0 < len(line) < 100
        assert "\n" not in line
        assert not re.search(r"VariableTracker|TensorVariable|SymNode|POP_JUMP|GB\d{4}", line)
    assert headline(inside, reason).endswith(", from train.py:3")


def test_advice_differs_by_owner_and_hiding() -> None:
    reason = reasons()["host-value"]
    mine = advice(BRANCH, reason)
    library = advice(replace(BRANCH, owner=Owner(False, "timm", "1.0.3")), reason)
    hidden = advice(replace(BRANCH, hidden=True), reason)
    assert all(1 <= len(steps) <= 3 for steps in (mine, library, hidden))
    assert mine != library
    assert any("timm 1.0.3" in step for step in library)
    assert any("deal with that one first" in step for step in hidden)
    after = replace(BRANCH, after_effect_of=Span("train.py", 9, 0))
    assert advice(after, reason) == ("Nothing to do here: it goes away with the break at train.py:9:0.",)
    origin = replace(BRANCH, because_of=Span("train.py", 2))
    assert "made in line 2. Make it there" in advice(origin, reason)[0]
    elsewhere = Span("/v/lib/python3.11/site-packages/timm/sizes.py", 7)
    far = replace(origin, because_of=elsewhere, owner=Owner(False, "timm"))
    assert advice(far, reason)[0] == "No input goes into this value: it is made at sizes.py:7."


def test_a_lost_function_is_said() -> None:
    lost = replace(BRANCH, effect=Effect.FRAME_LOST)
    assert any("all of `step` runs without compilation" in s for s in advice(lost, reasons()["print-call"]))


def test_prose() -> None:
    text = "\n    One\n    two.\n\n    Then:\n\n        code = 1\n        more\n\n    End.\n    "
    assert prose(text) == "One two.\n\nThen:\n\n    code = 1\n    more\n\nEnd."


def test_registry_merges_a_version_in_place() -> None:
    known = {"GB0001": {"Old name": "2.11 2.12"}, "GB0002": {"Gone": "2.12"}}
    found = registry.merged(known, "2.12", {"GB0001": [{"Gb_type": "New name"}]})
    assert found == {"GB0001": {"Old name": "2.11", "New name": "2.12"}}


def test_pages_are_fresh() -> None:
    assert stale(ROOT / "docs", pages.pages(), "reasons") == [], "write them anew with: make docs"


def test_pages_notice_what_is_stale(tmp_path: Path) -> None:
    write(tmp_path, pages.pages(), "reasons")
    assert stale(tmp_path, pages.pages(), "reasons") == []
    (tmp_path / "reasons" / "gone.md").write_text("x")
    (tmp_path / "reasons" / "print-call.md").write_text("x")
    (tmp_path / "coverage.md").unlink()
    assert stale(tmp_path, pages.pages(), "reasons") == ["coverage.md", "reasons/gone.md", "reasons/print-call.md"]
    assert pages.main([str(tmp_path), "--check"]) == 1
    write(tmp_path, pages.pages(), "reasons")
    assert pages.main([str(tmp_path), "--check"]) == 0
    assert pages.main([]) == 2
