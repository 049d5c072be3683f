"""What a gate makes of a run and its baseline, which entries a commit touches, what is refused. No script is run."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import samples
from repository import MODEL, Repository, environment

from g2.capture.model import Did, Moment, Session
from g2.cli.app import main
from g2.cli.baseline import Baseline, parsed, read, text
from g2.cli.gating import asked as gate
from g2.cli.gating.judged import judge, known_run, sentences
from g2.cli.gating.reach import reached
from g2.cli.gating.speed import speedup
from g2.cli.gating.verdict import ways_on
from g2.explain.findings import report
from g2.explain.guards import reason_of
from g2.explain.known import Known
from g2.explain.report import RecompileFinding, Report

REPORT = report(samples.session())
CWD = REPORT.session.cwd
GUARD_KINDS = ("size", "value", "type", "dtype", "device", "requires_grad", "length", "identity")
NOW = known_run(REPORT, CWD)


def files(**texts: str) -> dict[str, Callable[[], bytes]]:
    """Files by their paths: "__" is "/", INIT and MAIN are __init__ and __main__."""
    paths = {name.replace("__", "/").replace("INIT", "__init__").replace("MAIN", "__main__"): name for name in texts}
    return {f"{path}.py": partial(bytes, texts[name].encode()) for path, name in paths.items()}


def test_the_same_run_passes() -> None:
    judged = judge(REPORT, NOW, NOW)
    assert not judged.fails
    assert sentences(judged) == ["Nothing changed."]
    assert judged.report.clean


def test_a_new_break_fails() -> None:
    judged = judge(REPORT, replace(NOW, breaks=NOW.breaks[1:]), NOW)
    assert judged.fails
    assert [f.headline for f in judged.report.findings] == [REPORT.findings[0].headline]
    assert sentences(judged) == ["1 new graph break."]
    assert judged.report.next_step == f"g2 why {REPORT.findings[0].reason.slug}"


def test_hidden_breaks_count_where_they_were_looked_for() -> None:
    hidden = replace(REPORT, findings=tuple(replace(f, place=replace(f.place, hidden=True)) for f in REPORT.findings))
    assert not judge(hidden, replace(NOW, breaks=(), hidden=False), NOW).fails
    assert judge(hidden, replace(NOW, breaks=(), hidden=True), NOW).fails


def test_a_new_recompile_and_more_of_a_known_one_fail() -> None:
    judged = judge(REPORT, replace(NOW, recompiles=NOW.recompiles[1:]), NOW)
    assert judged.fails
    assert sentences(judged) == ["1 new cause of recompiling."]
    once = replace(NOW.recompiles[0], times=NOW.recompiles[0].times - 1)
    judged = judge(REPORT, replace(NOW, recompiles=(once, *NOW.recompiles[1:])), NOW)
    assert judged.fails
    assert judged.report.recompiles == REPORT.recompiles[:1]
    assert "is compiled again" in sentences(judged)[0]
    more = replace(NOW.recompiles[0], times=NOW.recompiles[0].times + 1)
    assert not judge(REPORT, replace(NOW, recompiles=(more, *NOW.recompiles[1:])), NOW).fails


def _with(finding: RecompileFinding) -> Report:
    return replace(REPORT, recompiles=(finding, *REPORT.recompiles[1:]))


def test_a_known_recompile_in_company_is_not_new() -> None:
    first = REPORT.recompiles[0]
    guard = next(guard for guard in first.recompile.guards if reason_of(guard).slug == first.reason)
    more = replace(guard, source="another")
    beside = replace(first, recompile=replace(first.recompile, guards=(more, *first.recompile.guards)))
    shown = _with(beside)
    judged = judge(shown, NOW, known_run(shown, CWD))
    assert not judged.fails
    assert not judged.gone

    outer = replace(first, recompile=replace(first.recompile, function="Outer.forward"), others=(first,))
    shown = _with(outer)
    assert not judge(shown, NOW, known_run(shown, CWD)).fails
    oftener = replace(first, recompile=replace(first.recompile, count=first.recompile.count + 1))
    shown = _with(replace(outer, others=(oftener,)))
    assert [times for _, times in judge(shown, NOW, known_run(shown, CWD)).worse] == [first.count]


def test_company_of_another_kind_is_new() -> None:
    first = REPORT.recompiles[0]
    guard = first.recompile.guards[0]
    slugs = {reason_of(replace(guard, kind=kind)).slug: kind for kind in GUARD_KINDS}
    other = replace(guard, source="another", kind=next(kind for slug, kind in slugs.items() if slug != first.reason))
    shown = _with(replace(first, recompile=replace(first.recompile, guards=(*first.recompile.guards, other))))
    judged = judge(shown, NOW, known_run(shown, CWD))
    assert (judged.recompiles, len(judged.gone)) == (1, 1)

    # What is known answers one of them only.
    twice = replace(first, recompile=replace(first.recompile, function="Outer.forward"), others=(first,))
    shown = replace(REPORT, recompiles=(twice, twice, *REPORT.recompiles[1:]))
    assert judge(shown, NOW, known_run(shown, CWD)).recompiles == 1


def test_more_graphs_fail_and_more_roots_do_not() -> None:
    fewer = replace(NOW, graphs=NOW.graphs - 1)
    assert judge(REPORT, fewer, replace(NOW, roots=NOW.roots)).fails == (NOW.graphs > NOW.roots)
    before, after = replace(NOW, graphs=1, roots=1), replace(NOW, graphs=2, roots=2)
    judged = judge(REPORT, before, after)
    assert not judged.fails
    assert sentences(judged) == ["2 graphs, before 1, as more is compiled."]
    assert judge(REPORT, before, replace(after, graphs=3)).fails


@pytest.mark.parametrize(("speed", "fails"), [(2.0, False), (1.81, False), (1.79, True), (2.5, False)])
def test_a_lost_speedup(speed: float, fails: bool) -> None:
    judged = judge(REPORT, replace(NOW, speedup=2.0), replace(NOW, speedup=speed), tolerance=0.1)
    assert judged.fails is fails
    assert f"{speed:.2f} times as fast as in eager, before 2.00 times" in " ".join(sentences(judged))


def test_a_speedup_that_was_not_known_fails_nothing() -> None:
    judged = judge(REPORT, NOW, replace(NOW, speedup=0.5), tolerance=0.1)
    assert not judged.fails
    assert sentences(judged) == ["A compiled call is 0.50 times as fast as in eager, not known before."]


def test_what_is_gone_and_another_torch_are_told() -> None:
    gone = Known("old.py", "f", "print-call", "print(x)", count=2)
    judged = judge(REPORT, replace(NOW, breaks=(*NOW.breaks, gone), torch="2.11.0"), NOW)
    assert not judged.fails
    said = sentences(judged)
    assert said[0] == "2 known findings did not occur any more: --write takes them out."
    assert said[1] == f"The baseline was made with torch 2.11.0, this is {NOW.torch}."


def test_a_baseline_reads_back_as_it_was_written() -> None:
    known = Known("ü.py", "f", "print-call", 'print("日本", "\udcff")\n', count=3)
    baseline = Baseline().with_scan([known]).with_run("train.py --x 'a b'", replace(NOW, speedup=1.5))
    again = parsed(text(baseline).encode(), "g2-baseline.json")
    assert text(again) == text(baseline)
    assert again.scan == (known,)
    assert set(again.runs["train.py --x 'a b'"].breaks) == set(NOW.breaks)
    assert sum('"path"' in line for line in text(baseline).splitlines()) == text(baseline).count('"path"')


MODULES = files(
    train="import model\nfrom tools import sizes\n",
    model="from pkg.layers import Layer\nimport torch\n",
    tools__INIT="",
    tools__sizes="from . import shapes\n",
    tools__shapes="",
    pkg__INIT="from .other import x\n",
    pkg__layers="import importlib\nimportlib.import_module('plugins.late')\n",
    pkg__other="x = 1\n",
    plugins__late="",
    plugins__never="",
    src__lib__MAIN="import lib.core\n",
    src__lib__core="",
    broken="def f(:",
    unused="import model\n",
)


@pytest.mark.parametrize(
    ("target", "near", "far"),
    [
        (("train.py",), {"model.py", "pkg/other.py", "tools/shapes.py", "plugins/late.py"}, {"plugins/never.py"}),
        (("-m", "lib", "--x"), {"src/lib/core.py", "src/lib/__main__.py"}, {"train.py"}),
        (("./train.py", "--lr", "1"), {"model.py"}, {"src/lib/core.py"}),
        (("broken.py", "--config=unused.py"), {"broken.py", "unused.py", "model.py"}, {"train.py"}),
        (("src/lib",), {"src/lib/core.py"}, {"model.py"}),
        (("nowhere.py",), set[str](), {"train.py"}),
    ],
)
def test_what_an_entry_reaches(target: tuple[str, ...], near: set[str], far: set[str]) -> None:
    found = reached(target, MODULES)
    assert near <= found
    assert not far & found


def test_modules_that_import_each_other_end() -> None:
    assert reached(("a.py",), files(a="import b", b="import a")) == {"a.py", "b.py"}


def call(name: str, start: float, seconds: float) -> Moment:
    return Moment(Did.CALL, name, start, seconds, 1)


def timed(moments: list[Moment], **more: object) -> Session:
    root = replace(samples.session().roots[0], name="Net.forward", calls=len(moments))
    return replace(samples.session(), roots=(root,), moments=tuple(moments), exit_code=0, device="cpu", **more)  # type: ignore[arg-type]


def test_the_speedup_is_that_of_calls_without_compilation(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = [call("Net.forward", i, 0.01 if i not in (0, 3) else 0.9) for i in range(8)]
    compiled.append(Moment(Did.COMPILE, "Net.forward", 3.1, 0.5, 1))
    eager = [call("Net.forward", i, 0.03) for i in range(8)]
    sessions = iter([timed(compiled), timed(eager)])
    monkeypatch.setattr("g2.cli.gating.speed.run", lambda *a, **k: next(sessions))  # type: ignore[misc]
    assert speedup(gate.Options(("train.py",)), None, None) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("session", "told"),
    [
        (timed([call("Net.forward", i, 0.01) for i in range(4)]), "nothing was called 6 times"),
        (replace(timed([]), exit_code=1, script_error="ValueError: no"), "the script failed compiled by Inductor"),
        (replace(timed([]), device="cuda"), "on a GPU"),
    ],
)
def test_a_speedup_that_cannot_be_measured_is_refused(
    session: Session, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("g2.cli.gating.speed.run", lambda *a, **k: session)  # type: ignore[misc]
    with pytest.raises(gate.Refusal, match=told):
        speedup(gate.Options(("train.py",)), None, None)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    for name in [*os.environ]:
        if name.startswith(("GIT_", "PRE_COMMIT")):
            monkeypatch.delenv(name)
    for name, value in environment(G2_HOME=str(tmp_path / "home")).items():
        monkeypatch.setenv(name, value)
    made = Repository(tmp_path / "repo")
    monkeypatch.chdir(made.folder)
    return made


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The command lines that were run; each run is the sample's."""
    asked: list[tuple[str, ...]] = []

    def run(options: gate.Options, folder: Path, **more: object) -> Session:
        asked.append(options.target)
        return replace(samples.session(), exit_code=0)

    monkeypatch.setattr(gate, "run", run)
    return asked


def test_a_baseline_is_written_and_compared_with(
    repo: Repository, ran: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    repo.write(train="")
    assert main(["gate", "--write", "train.py", "--steps", "1"]) == 0
    assert list(read(Path("g2-baseline.json")).runs) == ["train.py --steps 1"]
    assert main(["gate", "train.py", "--steps", "1"]) == 0
    assert "passes against g2-baseline.json: Nothing changed." in capsys.readouterr().err
    baseline = read(Path("g2-baseline.json"))
    run = baseline.runs["train.py --steps 1"]
    Path("g2-baseline.json").write_text(text(baseline.with_run("train.py --steps 1", replace(run, breaks=()))))
    assert main(["gate", "train.py", "--steps", "1"]) == 1
    err = capsys.readouterr().err
    assert "fails against g2-baseline.json" in err
    assert err.splitlines()[-1] == (
        "g2: `g2 fix train.py --steps 1` tries rewrites for it; `g2 gate --write train.py --steps 1` accepts it"
    )
    assert main(["gate", "--format", "json", "train.py", "--steps", "1"]) == 1
    assert capsys.readouterr().out.startswith('{\n  "format": 1')
    assert main(["gate", "--format", "github", "train.py", "--steps", "1"]) == 1
    verdict, *places = capsys.readouterr().out.splitlines()
    assert verdict.startswith("::error title=g2 gate::train.py --steps 1 fails against g2-baseline.json: ")
    assert len([line for line in places if line.startswith("::error file=")]) == len(REPORT.findings)
    assert main(["gate", "--format", "github", "--write", "train.py", "--steps", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("::notice title=g2 gate::train.py --steps 1 changes") and "::error" not in out
    assert main(["gate", "--format", "github", "train.py", "--steps", "1"]) == 0
    assert capsys.readouterr().out.startswith("::notice title=g2 gate::train.py --steps 1 passes")


def test_what_is_new_in_a_file(
    repo: Repository, ran: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    repo.write(train="")
    assert main(["gate", "--write", "-o", "new.json", "train.py"]) == 0
    assert "nothing to compare with yet, so new.json was not written" in capsys.readouterr().err
    assert not Path("new.json").exists()
    baseline = read(Path("g2-baseline.json"))
    run = replace(baseline.runs["train.py"], breaks=())
    Path("g2-baseline.json").write_text(text(baseline.with_run("train.py", run)))
    for name, beginning in (
        ("new.json", '{\n  "format": 1'),
        ("new.sarif", '{\n  "$schema"'),
        ("new.txt", "train.py fails"),
    ):
        assert main(["gate", "-o", name, "train.py"]) == 1
        out, err = capsys.readouterr()
        assert out == "" and f"what is new is in {name}" in err
        assert Path(name).read_text().startswith(beginning)
    ran.clear()
    repo.put("pyproject.toml", '[tool.g2]\nentry = ["train.py", "train.py 2"]\n')
    for words, told in (
        (["-o", "new.foo", "train.py"], "no form of this report has the ending .foo"),
        (["-o", "none/new.json", "train.py"], "there is no folder none"),
        (["-o", "new.json"], "-o takes one script, and there are 2 entries"),
    ):
        assert main(["gate", *words]) == 2
        assert capsys.readouterr().err.startswith(f"g2: {told}")
    assert not ran


def test_a_run_that_compiles_nothing_guards_nothing(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    idle = replace(samples.session(), exit_code=0, roots=(), graphs=(), breaks=(), recompiles=())
    monkeypatch.setattr(gate, "run", lambda *a, **k: idle)  # type: ignore[misc]
    repo.write(nothing="")
    assert main(["gate", "--write", "nothing.py"]) == 0
    assert "nothing was compiled in this run, so the gate guards nothing of nothing.py" in capsys.readouterr().err


def test_what_accepts_a_failing_run_has_its_options() -> None:
    judged = judge(REPORT, replace(NOW, graphs=0, roots=0), replace(NOW, graphs=3, roots=1))
    clean = replace(judged, report=replace(judged.report, findings=(), recompiles=()))
    assert ways_on(("-m", "a b"), clean, ("--calls", "3")) == "`g2 gate --write --calls 3 -m 'a b'` accepts it"


def test_entries_that_a_staged_file_is_imported_by(
    repo: Repository,
    ran: list[tuple[str, ...]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repo.put("pyproject.toml", '[tool.g2]\nentry = ["train.py --steps 1", "serve.py"]\n')
    repo.commit(train="import model", serve="import other", model=MODEL, other="", away="")
    assert main(["gate", "--write"]) == 0
    assert ran == [("train.py", "--steps", "1"), ("serve.py",)]
    ran.clear()
    for path, code, expected in (
        ("away.py", "x = 1", []),
        ("other.py", "x = 1", [("serve.py",)]),
        ("model.py", MODEL + "\n", [("train.py", "--steps", "1")]),
    ):
        repo.put(path, code)
        repo.git("add", path)
        assert main(["gate", "--staged"]) == 0
        assert ran == expected
        ran.clear()
        repo.git("commit", "-q", "-m", "next")
    repo.git("rm", "-q", "other.py")
    assert main(["gate", "--staged"]) == 0
    assert ran == [("serve.py",)]
    ran.clear()
    repo.git("commit", "-q", "-m", "next")
    repo.git("checkout", "-q", "-b", "work")
    repo.commit(model=MODEL)
    assert main(["gate", "--staged"]) == 0  # nothing is staged: what the branch changes
    assert ran == [("train.py", "--steps", "1")]
    ran.clear()
    monkeypatch.setenv("PRE_COMMIT_FROM_REF", "HEAD~2")
    monkeypatch.setenv("PRE_COMMIT_TO_REF", "HEAD~1")
    assert main(["gate", "--staged"]) == 0
    assert ran == [("serve.py",)]
    repo.put("train.py", "changed")
    capsys.readouterr()
    main(["gate", "--staged"])
    assert "the scripts run with the files on disk; 1 file differ" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["gate"], "no script was named, and no entry"),
        (["gate", "--staged"], "no entry script is named"),
        (["gate", "--staged", "train.py"], "--staged takes no script"),
        (["gate", "nowhere.py"], "there is no file nowhere.py"),
        (["gate", "-m"], "no module was named"),
        (["gate", "train.py"], "there is no baseline"),
        (["gate", "--tolerance", "110%", "train.py"], "invalid value for '--tolerance'"),
        (["gate", "--then-stop", "train.py"], "--then-stop needs --calls"),
        (["gate", "--format", "xml", "train.py"], "there is no format 'xml'"),
    ],
)
def test_what_is_refused(
    repo: Repository, ran: list[tuple[str, ...]], words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    repo.write(train="")
    assert main(words) == 2
    assert capsys.readouterr().err.startswith(f"g2: {told}")
    assert not ran


def test_a_run_that_is_not_known_is_refused_before_anything_runs(
    repo: Repository, ran: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    repo.write(train="")
    main(["gate", "--write", "train.py"])
    ran.clear()
    assert main(["gate", "train.py", "--more"]) == 2
    assert capsys.readouterr().err.endswith("  try: g2 gate --write train.py --more\n")
    assert not ran


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("train.py --write", "g2 gate --write train.py"),
        ("train.py --steps 2 --tolerance 10%", "g2 gate --write --tolerance 10% train.py --steps 2"),
        ("--once known.py --baseline=b.json 3", "g2 gate --once --baseline=b.json known.py 3"),
        (
            "--calls 3 --baseline g2-baseline.json train.py",
            "g2 gate --write --baseline g2-baseline.json --calls 3 train.py",
        ),
    ],
)
def test_options_of_g2_after_the_script_are_told(
    repo: Repository, ran: list[tuple[str, ...]], words: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    repo.write(train="", known="")
    main(["gate", "--write", "known.py", "3"])
    ran.clear()
    capsys.readouterr()
    assert main(["gate", *words.split()]) == 2
    err = capsys.readouterr().err
    assert err.splitlines()[-1] == f"  try: {hint}"
    assert ("; options of g2 stand before the script, and --" in err) is (not words.startswith("--calls"))
    assert not ran


def test_without_a_baseline_the_hint_makes_one(
    repo: Repository, ran: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    repo.write(train="")
    assert main(["gate", "train.py", "3"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "  try: g2 gate --write train.py 3"
    repo.put("pyproject.toml", '[tool.g2]\nentry = ["train.py"]\n')
    assert main(["gate"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "  try: g2 gate --write"
    assert not ran


def test_a_failing_script_gives_its_own_code(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = replace(samples.session(), exit_code=7, script_error="ValueError: no")
    monkeypatch.setattr(gate, "run", lambda *a, **k: failed)  # type: ignore[misc]
    repo.write(train="")
    assert main(["gate", "--write", "train.py"]) == 7
    assert "train.py failed: ValueError: no; nothing was compared" in capsys.readouterr().err
    assert not Path("g2-baseline.json").exists()
