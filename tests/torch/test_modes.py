"""Every way in which scripts run and compile: what was asked for is compiled, and nothing of the script changes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from helpers import SCRIPTS, line, marked, run, under

pytestmark = pytest.mark.torch


def test_torch_compile_in_all_its_forms() -> None:
    found = run("mode_entry.py")
    assert (found.session.exit_code, found.stdout, found.lost) == (0, "done\n", ())
    assert found.places("mode_entry.py") == marked("mode_entry.py")
    assert found.roots() == {
        "as_function": 2, "plain_decorator": 1, "decorator_with_mode": 1, "decorator_with_options": 1,
        "with_fullgraph": 1, "with_optimize": 1, "Net.forward": 1, "Other.step": 1, "Other.decorated": 1,
        "Third.forward": 2, "with_factor": 1, "Callable.__call__": 1, "outer": 1, "inner": 1, "Linear.forward": 1,
        "Classy.__call__": 1, "with_newer": 1, "calls_disabled": 1, "clean": 2,
    }  # fmt: skip
    assert {root.by for root in found.session.roots} == {"script"}
    assert all(b.effect == "split" for b in found.session.breaks)
    graphs = [g for g in found.session.graphs if g.function == "with_optimize"]
    assert len(graphs) == 2, "a direct torch._dynamo.optimize has our backend too"
    assert {root.span.line for root in found.session.roots if root.name == "with_factor"} == {
        line("mode_entry.py", "def with_factor")
    }


def test_a_script_that_compiles_nothing() -> None:
    found = run("mode_eager.py")
    assert (found.session.exit_code, found.stdout) == (0, "done\n")
    assert found.places("mode_eager.py") == marked("mode_eager.py")
    assert {b.effect for b in found.breaks("mode_eager.py") if b.function == "Block.forward"} == {"frame-lost"}
    calls = found.roots()
    assert calls["Net.forward"] == 6  # 4 in training, 1 without gradients, 1 in inference mode
    assert calls["Decoder.forward"] == 5
    assert {root.by for root in found.session.roots} == {"auto"}
    assert not {"Block.forward", "Linear.forward", "GuardsFn.forward", "Scored.forward"} & set(calls)
    # Which calls of two threads overlap is up to the machine; that they may is said.
    assert 3 <= calls["Threaded.forward"] <= 6
    (note,) = found.lost
    assert "threads" in note


def test_what_ran_before_the_script_compiled_is_forgotten() -> None:
    found = run("mode_late.py", once=False)
    assert (found.session.exit_code, found.stdout) == (0, "done\n")
    assert found.places("mode_late.py") == marked("mode_late.py")
    assert [(root.name, root.calls, root.by) for root in found.session.roots] == [("Net.forward", 2, "script")]
    assert found.only("mode_late.py", "Net.forward").calls == 2


def test_parts_that_are_compiled_one_by_one_and_their_backward() -> None:
    found = run("mode_regional.py", backend="aot_eager")
    assert (found.session.exit_code, found.stdout) == (0, "done\n")
    assert found.places("mode_regional.py") == marked("mode_regional.py")
    assert found.roots() == {"Layer.forward": 6, "score": 2}
    backward = [g for g in found.session.graphs if g.backward]
    assert {g.function for g in backward} == {"Layer.forward", "score"}
    assert sum(g.calls for g in backward) == sum(g.calls for g in found.session.graphs if not g.backward)


def test_a_backend_that_generates_code() -> None:
    found = run("mode_late.py", backend="inductor")
    assert (found.session.exit_code, found.stdout) == (0, "done\n"), found.stderr
    assert found.places("mode_late.py") == marked("mode_late.py")
    assert [g.calls for g in found.session.graphs] == [2]


def test_named_roots() -> None:
    script = "mode_named.py"
    found = run(script, compile=("mode_named:loss", "Net.head", "nowhere:nothing"))
    assert (found.session.exit_code, found.stdout) == (0, "done\n")
    assert [(r.name, r.calls, r.by) for r in found.session.roots] == [("Net.head", 3, "option"), ("loss", 3, "option")]
    assert {b.function for b in found.breaks(script)} == {"Net.head", "loss"}
    assert [b.calls for b in found.breaks(script)] == [3, 3]
    (note,) = found.lost
    assert note.startswith("--compile nowhere:nothing: nothing of that name")


def test_compile_none() -> None:
    found = run("mode_named.py", compile=("none",))
    assert (found.session.exit_code, found.stdout) == (0, "done\n")
    assert found.session.roots == found.session.breaks == found.session.graphs == ()


def test_calls_bounds_what_is_observed() -> None:
    found = run("mode_calls.py", calls=3)
    assert found.stdout.splitlines()[-1] == "done"
    assert found.roots() == {"Net.forward": 3, "Other.forward": 3}
    assert found.session.breaks == found.session.recompiles == ()  # the fourth call would have brought both


def test_then_stop_ends_the_script_behind_those_calls() -> None:
    found = run("mode_calls.py", calls=2, then_stop=True)
    assert (found.session.exit_code, found.stdout) == (0, "call 0\ncall 1\n")
    assert found.roots() == {"Net.forward": 2, "Other.forward": 2}


def test_a_break_of_one_call_among_many() -> None:
    found = run("mode_calls.py")
    assert found.places("mode_calls.py") == marked("mode_calls.py")
    assert found.only("mode_calls.py", "Net.forward").calls == 1
    assert found.roots() == {"Net.forward": 5, "Other.forward": 5}


def test_module_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SCRIPTS)
    found = run(["-m", "mode_calls"])
    assert found.stdout.splitlines()[-1] == "done"
    assert found.session.argv == ("-m", "mode_calls")
    assert [(b.span.path, b.kind) for b in found.session.breaks] == [("mode_calls.py", "GB0059")]


def test_two_ranks_under_torchrun() -> None:
    found = under(
        ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(SCRIPTS / "mode_ddp.py")]
    )
    assert found.session.exit_code == 0, found.stderr
    assert found.stdout == "done 2\n"
    assert [process.rank for process in sorted(found.session.processes, key=lambda p: p.rank or 0)] == [0, 1]
    assert found.places("mode_ddp.py") == marked("mode_ddp.py")
    (place,) = found.breaks("mode_ddp.py")
    assert (place.calls, place.count, place.module) == (6, 2, "module")
    assert found.roots() == {"DistributedDataParallel.forward": 6}
    assert all(b.after_effect_of for b in found.session.breaks if b.kind == "GB0003")


def test_under_pytest(tmp_path: Path) -> None:
    settings = tmp_path / "pytest.ini"
    settings.write_text("[pytest]\n", "utf-8")
    found = under(
        ["-m", "pytest", "-q", "-c", str(settings), "-p", "no:cacheprovider", str(SCRIPTS / "mode_pytest.py")]
    )
    assert found.session.exit_code == 0, found.stdout
    assert found.places("mode_pytest.py") == marked("mode_pytest.py")
    assert found.roots() == {"Net.forward": 2}


@pytest.mark.skipif(
    sys.platform == "darwin", reason="torch's threads do not survive a forked DataLoader worker on macOS"
)
def test_workers_of_all_kinds() -> None:
    found = run("mode_spawn.py")
    assert (found.session.exit_code, found.stdout) == (0, "child\ndone\n"), found.stderr
    assert found.places("mode_spawn.py") == marked("mode_spawn.py")
    assert found.roots() == {"Net.forward": 6, "Scale.forward": 16}  # 4 batches and 2 workers; 2 loaders of 8 rows
    assert len(found.session.processes) == 1 + 2 + 2 + 2
