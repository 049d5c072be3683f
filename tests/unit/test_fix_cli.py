"""g2 fix and g2 patches: what is shown, what is written, exit codes. No script is run here."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import fix_samples
import jsonschema
import pytest

from g2.capture.model import Session
from g2.cli.app import main
from g2.cli.cures import RESULT
from g2.cli.fixing import hunks
from g2.cli.fixing.found import Ask
from g2.cli.fixing.sentences import headline, legend, next_step, proved
from g2.cli.fixing.terminal import Screen, render
from g2.cli.store import Store
from g2.cli.views import Output
from g2.cli.views._page import Page
from g2.rewrite.fix import Result
from g2.rewrite.fix import fix as real_fix
from g2.rewrite.kept import KeptError, dump, load
from g2.rewrite.model import Proof, Trial
from g2.rewrite.state import State

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "fix.schema.json").read_text("utf-8"))
EVIL = "[red]x[/] \x1b[31mred\x1b[0m \x1b]8;;http://evil\x07link | `code` \u202e,\nnext"
Capture = pytest.CaptureFixture[str]


@dataclass
class Found:
    """Stands in for the search: remembers what was asked, gives back what it holds."""

    folder: Path
    session: Session
    result: Result
    asked: list[Ask]

    def __call__(self, ask: Ask) -> tuple[Session, Result]:
        self.asked.append(ask)
        return self.session, self.result


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Found:
    """A folder with the files of the sample, an empty store, and nothing that is really run."""
    folder = tmp_path / "project"
    folder.mkdir()
    fix_samples.files(folder)
    double = Found(folder, fix_samples.session(folder), fix_samples.result(folder), [])
    monkeypatch.setattr("g2.cli.fixing.found.found", double)
    monkeypatch.setenv("G2_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder / fix_samples.SITE))
    return double


def texts(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


# What is shown


def screen_of(found: Found, **more: Any) -> Screen:
    fixing = found.result.fixing
    return Screen(fixing, found.session, fixing.offers, fixing.alone, **more)


@pytest.mark.parametrize("width", [80, 120])
def test_the_screen(found: Found, width: int, screen: Callable[[str, str], None]) -> None:
    screen(f"fix-{width}.txt", render(screen_of(found), Output(width=width)))


def test_the_screen_with_all_of_the_proof(found: Found, screen: Callable[[str, str], None]) -> None:
    screen("fix-proof-80.txt", render(screen_of(found, proof=True), Output(verbose=True)))


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(found: Found, width: int) -> None:
    for line in render(screen_of(found, proof=True), Output(width=width)).splitlines():
        assert len(line) <= width or "model.compile()" in line, line


def test_plain_without_colour_and_coloured_with_it(found: Found) -> None:
    plain = render(screen_of(found), Output())
    coloured = render(screen_of(found), Output(colour=True))
    assert "\x1b" not in plain
    assert "\x1b[32m" in coloured  # what comes is green
    assert "\x1b[31m" in coloured  # what goes is red
    bare = re.sub(r"\x1b\[[\d;]*m", "", coloured)
    assert re.sub(r"[`\s]", "", bare) == re.sub(r"[`\s]", "", plain)


def test_ascii_terminal_gets_only_ascii(found: Found) -> None:
    render(screen_of(found), Output(unicode=False)).encode("ascii")


def test_text_of_a_run_is_data(found: Found) -> None:
    offer, *_ = found.result.fixing.offers
    place = replace(offer.targets[0], function=EVIL, headline=EVIL)
    proof = Proof((Trial(EVIL, EVIL, "same", EVIL),), notes=(EVIL,))
    proposal = replace(offer.proposal, summary=EVIL, caveat=EVIL)
    evil = replace(
        offer,
        targets=(place,),
        proposal=proposal,
        proof=proof,
        diffs=((f"{found.folder}/{EVIL}", f"--- a\n+++ b\n@@ -1 +1 @@\n-{EVIL!s}\n+{EVIL}\n"),),
    )
    fixing = replace(found.result.fixing, offers=(evil,), notes=(EVIL,))
    alone = (replace(fixing.alone[0], target=place, why=(EVIL,), advice=(EVIL,)),)
    for colour in (False, True):
        text = render(Screen(fixing, found.session, (evil,), alone, proof=True), Output(colour=colour))
        assert "[red]x[/] red link" in " ".join(text.split())
        left = re.sub(r"\x1b\[[\d;]*m", "", text)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", left)
        assert "evil" not in left


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"offers": (), "alone": ()}, "Nothing to fix."),
        ({"offers": ()}, "All 2 places are left as they are"),
        ({"alone": ()}, "3 rewrites for 3 places: 2 SAFE, 1 ASK"),
        ({}, "3 rewrites for 3 of 5 places: 2 SAFE, 1 ASK"),
    ],
)
def test_the_headline(found: Found, changes: dict[str, Any], said: str) -> None:
    fixing = replace(found.result.fixing, **changes)
    assert headline(fixing.offers, fixing.alone, 0) == said


@pytest.mark.parametrize(
    ("proof", "said"),
    [
        (Proof(), "nothing could be compared"),
        (
            fix_samples.PROOF,
            "4 comparisons over 3 inputs agree in results, gradients and side effects; 1 of them within the error that "
            "eager itself has; both sides of the branch were taken; compiled agrees; 1 could not be made",
        ),
        (
            Proof(fix_samples.PROOF.trials[:1], ((fix_samples.PROOF.sides[0][0], True, False),)),
            "1 comparison over 1 input agrees in results, gradients and side effects; only one side of the branch was "
            "taken",
        ),
    ],
)  # fmt: skip
def test_the_proof_in_a_line(proof: Proof, said: str) -> None:
    assert proved(proof) == said


def test_what_to_type_next(found: Found) -> None:
    offers = found.result.fixing.offers
    assert "--apply` writes what is SAFE; `--unsafe` adds" in next_step(offers, (), (), "")
    assert next_step(offers[:1], (), (), " --mine") == "`g2 fix --apply --mine` writes what is SAFE."
    assert next_step(offers[1:2], (), (), "").startswith("`g2 fix --apply --unsafe`")
    assert "--undo" in next_step(offers, (), (1,), "")
    assert next_step((), (), (), "") == ""


def test_the_rows_of_a_diff() -> None:
    diff = "--- a/x\n+++ b/x\n@@ -3,2 +3,2 @@\n a\n-b\n+c\n\\ No newline at end of file\n@@ -9 +9 @@\n-d\n+e\n"
    assert [(row.sign, row.number, row.text) for row in hunks.rows(diff)] == [
        (" ", 3, "a"), ("-", 4, "b"), ("+", 0, "c"), ("", 0, ""), ("-", 9, "d"), ("+", 0, "e")
    ]  # fmt: skip


def test_json_follows_its_schema(found: Found, capsys: Capture) -> None:
    for words in ([], ["--apply"], ["--mine", "--select", "1"]):
        main(["fix", "--format", "json", *words])
        document = json.loads(capsys.readouterr().out)
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert [offer["number"] for offer in document["offers"]] == [1]
    assert document["left_out"] == 4


def test_json_says_what_was_written(found: Found, capsys: Capture) -> None:
    assert main(["fix", "--format", "json", "--mine", "--apply"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["applied"] == {"written": ["model.py"], "removed": [], "notes": []}
    assert [(offer["applied"], offer["held"]) for offer in document["offers"]] == [
        (True, None), (False, "it may differ; --unsafe applies it")
    ]  # fmt: skip


# What is written


def test_without_apply_nothing_is(found: Found, capsys: Capture) -> None:
    before = texts(found.folder)
    assert main(["fix"]) == 1
    assert main(["fix", "--diff"]) == 1
    assert texts(found.folder) == before
    assert not (found.folder / "g2_patches").exists()


def test_apply_writes_what_is_safe(found: Found, capsys: Capture) -> None:
    before = texts(found.folder)
    assert main(["fix", "--apply"]) == 1
    out = capsys.readouterr().out
    pack = "g2_patches.py, g2_patches/acme.models.led.modeling_led.patch"
    assert f"Written: model.py, {pack} and train.py." in " ".join(out.split())
    assert "Not written: it may differ; --unsafe applies it." in out
    assert out.index("Written:") < out.index("g2 fix --undo")
    model = Path("model.py").read_text()
    assert "        h = torch.where(h.sum() > 0, h * 2, h)  # doubled\n" in model
    assert 'print("mean"' in model
    lines = Path("train.py").read_text().splitlines()
    assert lines[1:5] == ['"""Trains."""', "", "import g2_patches  # noqa: F401  # isort: skip", "import torch"]
    assert (found.folder / fix_samples.MODELING).read_text() == fix_samples.LIBRARY

    assert main(["fix", "--undo"]) == 0
    out = capsys.readouterr().out
    assert "Brought back: model.py and train.py." in out
    assert "Removed, since g2 had made it: g2_patches.py" in out
    assert texts(found.folder) == before


def test_unsafe_writes_all_and_twice_changes_nothing(found: Found, capsys: Capture) -> None:
    found.result = replace(found.result, fixing=replace(found.result.fixing, alone=()))
    assert main(["fix", "--apply", "--unsafe"]) == 0
    assert "print" not in Path("model.py").read_text()
    after = texts(found.folder)
    capsys.readouterr()
    assert main(["fix", "--apply", "--unsafe"]) == 0
    assert "Nothing was written." in capsys.readouterr().out
    assert texts(found.folder) == after


def test_what_needs_another_is_not_written_without_it(found: Found, capsys: Capture) -> None:
    assert main(["fix", "--apply", "--select", "3"]) == 1
    out = capsys.readouterr().out
    assert "Not written: it was tried only together with 1." in out
    assert "Nothing was written." in out
    assert main(["fix", "--apply", "--select", "3", "--select", "model.py:9"]) == 0
    assert Path("g2_patches.py").exists()


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["--only", "branch-to-where"], [1]),
        (["--mine"], [1, 2]),
        (["--select", "2"], [2]),
        (["--select", "model.py:9"], [1]),
        (["--select", "./model.py:9:11"], [1]),
        (["--select", "modeling_led.py:2"], [3]),
        (["--select", "1", "--select", "2"], [1, 2]),
        (["--select", "train.py:7"], []),
    ],
)
def test_which_are_meant(
    found: Found, capsys: Capture, words: list[str], numbers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("g2.cli.fixing.wanted.Wanted.check", lambda self: None)  # the rules of the sample are not real
    assert main(["fix", "--format", "json", *words]) == 1
    assert [offer["number"] for offer in json.loads(capsys.readouterr().out)["offers"]] == numbers


def test_the_diff_is_fit_for_git(found: Found, capfd: Capture) -> None:
    assert main(["fix", "--diff"]) == 1
    out, err = capfd.readouterr()
    assert "rewrite 2 is not in the diff: it may differ; --unsafe applies it" in err
    assert "installed libraries are patched by g2_patches.py" in err
    assert main(["fix", "--apply"]) == 1
    after = texts(found.folder)
    main(["fix", "--undo"])
    env = {**os.environ, "GIT_CEILING_DIRECTORIES": str(found.folder.parent)}
    subprocess.run(["git", "apply", "-"], input=out, text=True, check=True, cwd=found.folder, env=env)
    assert texts(found.folder) == after


def test_a_file_that_changed_is_refused_by_name(found: Found, capsys: Capture) -> None:
    Path("model.py").write_text("# changed\n" + fix_samples.MODEL)
    found.result = replace(found.result, state=State(None, found.result.state.placed))
    assert main(["fix", "--apply"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("g2: model.py: it has been changed since it was read\n  try: ")


def test_a_library_cannot_be_patched_for_a_module(found: Found, capsys: Capture) -> None:
    found.result = replace(found.result, fixing=replace(found.result.fixing, script=""))
    assert main(["fix", "--apply"]) == 2
    err = capsys.readouterr().err
    assert "with -m there is no folder beside the script" in err
    assert "--mine" in err
    assert main(["fix", "--apply", "--mine"]) == 1


def test_a_read_only_folder(found: Found, capsys: Capture) -> None:
    found.folder.chmod(0o555)
    try:
        assert main(["fix", "--apply"]) == 2
    finally:
        found.folder.chmod(0o755)
    err = capsys.readouterr().err
    assert "cannot be written" in err
    assert "g2 fix --diff" in err


def test_undo_without_anything(found: Found, capsys: Capture) -> None:
    assert main(["fix", "--undo"]) == 2
    assert "nothing was applied here that could be undone" in capsys.readouterr().err


def test_undo_names_what_it_leaves(found: Found, capsys: Capture) -> None:
    main(["fix", "--apply", "--mine", "--unsafe"])
    Path("model.py").write_text("mine\n")
    capsys.readouterr()
    assert main(["fix", "--undo"]) == 1
    assert "g2: model.py stays as it is: it has been changed since it was applied" in capsys.readouterr().err


# Wrong use


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--apply", "--diff"], "--apply and --diff exclude each other"),
        (["-i", "--format", "json"], "--interactive has a form of its own"),
        (["--then-stop", "train.py"], "--then-stop needs --calls"),
        (["--only", "branch-to-were"], "there is no rule 'branch-to-were'"),
        (["--select", "model.py"], "is neither a number nor a place"),
        (["--select", "9"], "3 rewrites are offered"),
        (["--select", "model.py:1"], "nothing was found there"),
        (["-m"], "no module was named"),
        (["none.py"], "there is no file none.py"),
        (["-i"], "there is no terminal"),
        (["--aply"], "g2 fix --apply"),
    ],
)
def test_wrong_use_is_refused(found: Found, capsys: Capture, words: list[str], said: str) -> None:
    assert main(["fix", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.startswith("g2: ")


@pytest.mark.parametrize("argv", [["fix", "-h"], ["patches", "-h"]])
def test_help_teaches_by_example(argv: list[str], capsys: Capture) -> None:
    assert main(argv) == 0
    out = capsys.readouterr().out
    assert len([line for line in out.splitlines() if line.startswith("    g2 ")]) >= 3


def test_words_behind_the_script_are_the_scripts(found: Found, capsys: Capture) -> None:
    main(["fix", "--mine", "--calls", "3", "train.py", "--apply", "-m"])
    main(["fix", "-m", "package.train", "--undo"])
    main(["fix", "--compile", "a:b", "--time-limit", "2", "train.py"])
    assert [(ask.target, ask.options) for ask in found.asked] == [
        (("train.py", "--apply", "-m"), {"calls": 3}),
        (("-m", "package.train", "--undo"), {}),
        (("train.py",), {"compile": ("a:b",), "time_limit": 2.0}),
    ]


# Asking


def answered(found: Found, answers: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("g2.cli.fixing.asked.is_terminal", lambda stream: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{answer}\n" for answer in answers)))
    return main(["fix", "-i"])


@pytest.mark.parametrize(
    ("answers", "where", "printed", "packed"),
    [
        ("yyy", True, False, True),
        ("yny", True, True, True),
        ("ny", False, False, False),  # the third needs the first and is not asked for
        ("yq", True, True, False),
        ("q", False, True, False),
        ("a", True, False, True),
        ("?dyx?nn", True, True, False),
    ],
)
def test_each_is_asked_for(
    found: Found,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    answers: str,
    where: bool,
    printed: bool,
    packed: bool,
) -> None:
    assert answered(found, answers, monkeypatch) == 1
    model = Path("model.py").read_text()
    assert ("torch.where" in model, "print" in model, Path("g2_patches.py").exists()) == (where, printed, packed)
    out = capsys.readouterr().out
    assert ("Written:" in out) == (where or packed or not printed)
    if "?" in answers:
        assert "y  take this rewrite" in out
        assert "x negated, compiled" in out


def test_a_real_terminal_is_asked(found: Found) -> None:
    master, slave = pty.openpty()
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import fix_samples; from pathlib import Path\n"
        "import g2.cli.fixing.found as found\n"
        "here = Path.cwd(); session, result = fix_samples.session(here), fix_samples.result(here)\n"
        "found.found = lambda ask: (session, result)\n"
        "from g2.cli.app import main\n"
        "sys.exit(main(['fix', '-i']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(Path(__file__).parent)],
        stdin=slave, stdout=slave, stderr=slave, close_fds=True, env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    ) as process:  # fmt: skip
        os.close(slave)
        os.write(master, b"y\nq\n")
        shown = b""
        while True:
            try:
                data = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not data:
                break
            shown += data
        os.close(master)
        assert process.wait(timeout=60) == 1
    assert b"(1/3) Take this rewrite?" in shown
    assert b"\x1b[32m" in shown
    assert "torch.where" in Path("model.py").read_text()


# What is kept between two commands


def test_a_result_is_read_back_as_it_was(found: Found) -> None:
    text = dump(found.result, "1.0", {"/a": "b"})
    kept = load(text, "1.0")
    again = kept.result
    assert kept.seen == {"/a": "b"}
    assert again.fixing == found.result.fixing
    assert again.keys == found.result.keys
    assert again.state.placed == found.result.state.placed
    chosen = again.chosen([1]).changed()[str(found.folder / "model.py")].draw()
    assert chosen == found.result.chosen([1]).changed()[str(found.folder / "model.py")].draw()
    with pytest.raises(KeptError, match="another g2"):
        load(text, "1.1")
    for damaged in ("", "{}", "[1]", text.replace('"number"', '"nummer"'), text.replace('"safe"', '"sure"')):
        with pytest.raises(KeptError):
            load(damaged, "1.0")


@dataclass
class Search:
    """Stands in for the runs of the script."""

    session: Session
    result: Result
    calls: int = 0

    def fix(self, bench: Any, only: Any, on_round: Any, sources: Any, adopt: bool) -> Result:
        self.calls += 1
        self.given = bench.session
        bench.session = bench.session or self.session
        on_round(1, 3, 0)
        return self.result


@pytest.fixture
def searched(found: Found, monkeypatch: pytest.MonkeyPatch) -> Search:
    """As `found`, but only the runs are replaced."""
    import importlib
    import platform
    import time

    monkeypatch.undo()
    monkeypatch.setenv("G2_HOME", str(found.folder.parent / "home"))
    monkeypatch.chdir(found.folder)
    module = importlib.import_module("g2.cli.fixing.found")
    now = time.time() + 5
    session = replace(
        found.session, started=now, python=platform.python_version(), torch=module.importlib.metadata.version("torch")
    )
    double = Search(session, found.result)
    monkeypatch.setattr(module, "fix", double.fix)
    return double


def test_what_was_shown_is_applied_without_running(searched: Search, capsys: Capture) -> None:
    assert main(["fix", "train.py"]) == 1
    assert (searched.calls, searched.given) == (1, None)
    assert main(["fix", "--apply", "--mine"]) == 1
    assert searched.calls == 1
    assert "torch.where" in Path("model.py").read_text()
    assert main(["fix", "--undo"]) == 0
    future = searched.session.started + 9
    os.utime("model.py", (future, future))
    assert main(["fix"]) == 1  # the text is the one that was tried, whenever it was written
    assert searched.calls == 1
    Path("model.py").write_text("changed = 1\n")
    os.utime("model.py", (future, future))
    main(["fix"])
    assert searched.calls == 2


def test_the_record_of_explain_is_used(searched: Search, capsys: Capture) -> None:
    store = Store.open()
    with store.new_run(("train.py",), {"compile": ["a:b"]}) as folder:
        store.save(folder, searched.session)
    assert main(["fix"]) == 1
    assert searched.given == searched.session
    assert (folder / RESULT).exists()
    assert main(["fix"]) == 1
    assert searched.calls == 1
    assert main(["fix", "--adopt"]) == 1
    assert (searched.calls, searched.given) == (2, searched.session)
    assert main(["fix", "--again"]) == 1
    assert (searched.calls, searched.given) == (3, None)


def test_other_options_are_another_run(searched: Search, capsys: Capture) -> None:
    main(["fix", "train.py"])
    main(["fix", "--calls", "3", "train.py"])
    assert (searched.calls, searched.given) == (2, None)
    main(["fix", "--calls", "3", "train.py"])
    main(["fix", "train.py"])
    main(["fix"])
    assert searched.calls == 2


@pytest.mark.parametrize("what", ["file", "torch", "python", "failed"])
def test_a_record_that_does_not_hold_any_more(searched: Search, capsys: Capture, what: str) -> None:
    changes = {"torch": {"torch": "2.1.0"}, "python": {"python": "3.10.1"}, "failed": {"exit_code": 3}}
    record = replace(searched.session, **changes.get(what, {}))
    store = Store.open()
    with store.new_run(("train.py",)) as folder:
        store.save(folder, record)
    if what == "file":
        os.utime("model.py", (record.started + 9, record.started + 9))
    assert main(["fix"]) == 1
    assert searched.given is None
    assert "the script is run again" in capsys.readouterr().err


def test_a_script_that_fails_is_refused(searched: Search, capsys: Capture) -> None:
    searched.session = replace(searched.session, exit_code=1, script_error="ValueError: no data")
    assert main(["fix", "train.py"]) == 2
    assert "the script failed: ValueError: no data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exit_code": -2}, 130),
        ({"exit_code": -15}, 130),
        ({"exit_code": 1, "script_error": "KeyboardInterrupt: "}, 130),
        ({"exit_code": 1, "script_error": "ValueError: no"}, 2),
    ],
)
def test_ctrl_c_ends_the_search(
    searched: Search, capsys: Capture, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], code: int
) -> None:
    Path("train.py").write_text("")
    monkeypatch.setattr("g2.cli.fixing.found.fix", real_fix)
    monkeypatch.setattr("g2.capture.launch.run", lambda *_, **__: replace(searched.session, **changes))
    assert main(["fix", "train.py"]) == code
    assert ("interrupted" in capsys.readouterr().err) == (code == 130)
    assert Store.open().kept() == []


def test_no_record_yet(searched: Search, capsys: Capture) -> None:
    assert main(["fix"]) == 2
    assert capsys.readouterr().err == "g2: no record was made in this folder yet\n  try: g2 fix SCRIPT\n"


# Patch packs


@pytest.fixture
def packed(found: Found, capsys: Capture) -> Found:
    main(["fix", "--apply"])
    capsys.readouterr()
    return found


def test_patches_are_listed(packed: Found, capsys: Capture) -> None:
    for words in (["patches"], ["patches", "list"], ["patches", "list", "train.py"]):
        assert main(words) == 0
        out = capsys.readouterr().out
        assert out.startswith("1 patched file in g2_patches.py, imported by train.py\n\nacme-models 4.52.4\n")
        assert "acme/models/led/modeling_led.py  +1 -2 lines" in out
        assert "- the number stays a tensor (step, line 2)" in out


def test_patches_are_checked(packed: Found, capsys: Capture) -> None:
    path = packed.folder / fix_samples.MODELING
    assert main(["patches", "check"]) == 0
    assert capsys.readouterr().out == "ok  acme/models/led/modeling_led.py\n"
    path.write_text("other\n")
    assert main(["patches", "check"]) == 1
    assert "changed  acme/models/led/modeling_led.py  (it is not the file of acme-models 4.52.4)" in (
        capsys.readouterr().out
    )
    path.unlink()
    assert main(["patches", "check"]) == 1
    assert capsys.readouterr().out.startswith("gone  ")


def test_another_version_is_checked(packed: Found, capsys: Capture) -> None:
    from g2.capture.fold import owners

    metadata = packed.folder / fix_samples.SITE / "acme_models-4.52.4.dist-info" / "METADATA"
    metadata.write_text("Name: acme-models\nVersion: 5.0\n\n")
    for cached in (owners.owner, owners._described):
        cached.cache_clear()
    assert main(["patches", "check"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("version  ")
    assert "5.0 is installed" in out


def test_patches_are_dropped_and_brought_back(packed: Found, capsys: Capture) -> None:
    before = texts(packed.folder)
    assert main(["patches", "drop", "acme-models"]) == 0
    assert "g2_patches.py is gone, and the line that imported it." in capsys.readouterr().out
    assert Path("train.py").read_text() == fix_samples.TRAIN
    assert not Path("g2_patches").exists()
    assert main(["fix", "--undo"]) == 0
    assert texts(packed.folder) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["drop"], "g2 patches drop --all"),
        (["drop", "acme-model"], "g2 patches drop acme-models"),
        (["list", "none.py"], "there is no file or folder none.py"),
        (["lst"], "lst"),
    ],
)
def test_wrong_use_of_patches(packed: Found, capsys: Capture, words: list[str], said: str) -> None:
    before = texts(packed.folder)
    assert main(["patches", *words]) == 2
    assert said in capsys.readouterr().err
    assert texts(packed.folder) == before


def test_no_pack_is_told(found: Found, capsys: Capture) -> None:
    assert main(["patches"]) == 0
    assert "There is no patch pack in this folder" in capsys.readouterr().out
    assert main(["patches", "drop", "--all"]) == 2


def test_a_pack_of_somebody_else_is_left(found: Found, capsys: Capture) -> None:
    Path("g2_patches.py").write_text("x = 1\n")
    assert main(["patches"]) == 2
    assert main(["fix", "--apply"]) == 2
    assert "is not a file that g2 wrote" in capsys.readouterr().err
    assert Path("model.py").read_text() == fix_samples.MODEL


def test_a_second_script_shares_the_pack(packed: Found, capsys: Capture) -> None:
    Path("eval.py").write_text("import torch\n")
    folder = packed.folder
    Path("model.py").write_text(fix_samples.MODEL)
    result = fix_samples.result(folder)
    packed.result = replace(result, fixing=replace(result.fixing, script=str(folder / "eval.py")))
    before = Path("g2_patches.py").read_text()
    assert main(["fix", "--apply"]) == 1
    assert Path("g2_patches.py").read_text() == before
    assert main(["patches"]) == 0
    assert "imported by eval.py and train.py" in capsys.readouterr().out


def test_blank_lines_at_the_ends_of_a_hunk_are_not_drawn() -> None:
    text = "@@ -1,5 +1,5 @@\n \n a\n-b\n+c\n \n@@ -9,3 +9,4 @@\n \n+\n+d\n \n e"
    page = Page(Output(width=40))
    hunks.draw(page, text)
    assert [line.partition("│")[2].strip() for line in page.text().splitlines()] == [
        "a",
        "- b",
        "+ c",
        "",
        "+",
        "+ d",
        "",
        "e",
    ]


def test_safety_is_explained_where_it_is_shown(found: Found) -> None:
    offers = found.result.fixing.offers
    assert legend((), False) == ""
    assert legend(offers[:1], False).startswith("SAFE does") and "Nothing is written yet." in legend(offers[:1], False)
    assert "ASK" not in legend(offers[:1], False) and "ASK" in legend(offers, True)
    assert "written" not in legend(offers, True)


def test_the_next_step_where_nothing_is_offered(found: Found) -> None:
    alone = found.result.fixing.alone
    assert next_step((), alone, (), "") == f"`g2 why {alone[0].target.reason}` explains the first."
