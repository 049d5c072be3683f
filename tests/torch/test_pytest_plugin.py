"""The pytest plugin in suites of their own, run by pytest itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.torch

MODEL = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        y = self.linear(x)
        if y.sum() > 1e9:
            y = y * 2
        return y


class Whole(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        return torch.relu(self.linear(x))
"""
# The hooks of torch that a recording replaces: a test that runs after one must not find ours.
UNTOUCHED = """
import torch
from torch._dynamo import convert_frame, output_graph, symbolic_convert

HOOKS = [(torch.nn.Module, "__call__"), (torch, "compile"), (convert_frame.CatchErrorsWrapper, "__call__"),
         (convert_frame.ConvertFrame, "__call__"), (convert_frame.ConvertFrameAssert, "__call__"),
         (output_graph.OutputGraph, "call_user_compiler"), (convert_frame, "get_and_maybe_log_recompilation_reasons"),
         (symbolic_convert.InstructionTranslatorBase, "log_graph_break")]
BEFORE = [vars(owner)[name] for owner, name in HOOKS]


def hooks_are_torchs():
    return [vars(owner)[name] for owner, name in HOOKS] == BEFORE
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("COLUMNS", "200")
    pytester.makeini(
        "[pytest]\naddopts = -p no:cacheprovider --strict-markers\n"
        "filterwarnings =\n    error\n    ignore:.*torch.jit:DeprecationWarning\n"  # torch, of itself
    )
    pytester.makepyfile(model=MODEL, untouched=UNTOUCHED)
    return pytester


def lines(result: pytest.RunResult) -> str:
    return "\n".join(result.outlines)


def test_the_fixture(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        test_fixture="""
        import pytest, torch
        from model import Net, Whole
        from untouched import hooks_are_torchs

        X = torch.ones(2, 4)

        def test_whole(g2):
            model = Whole()
            assert torch.equal(g2.assert_no_breaks(model, X), model(X))
            assert g2.assert_max_graphs(1, torch.relu, X).shape == (2, 4)
            assert hooks_are_torchs()

        def test_break(g2):
            g2.assert_no_breaks(Net(), X)

        def test_explained(g2):
            seen = g2.explain(Net(), X)
            (found,) = seen.breaks
            assert (found.reason.slug, found.place.span.line) == ("tensor-branch", 12)
            assert not seen.recompiles and len(seen.graphs) == 1
            assert seen.result.shape == (2, 4)
            assert "if y.sum() > 1e9" in str(seen)

        def test_keywords_and_errors_are_the_functions_own(g2):
            def half(x, *, by):
                return x / by

            assert torch.equal(g2.assert_no_breaks(half, X, by=2), X / 2)
            with pytest.raises(TypeError, match="unexpected keyword"):
                g2.explain(half, X, function=1)
            assert hooks_are_torchs()

        def test_recompiles(g2):
            model, calls = Whole(), [torch.ones(n, 4) for n in (2, 3, 5)]
            g2.assert_max_recompiles(1, model, *calls)
            said = r"1 recompile, where max_recompiles is 0(.|\\n)*x\\.size\\(0\\) changed"
            with pytest.raises(AssertionError, match=said):
                g2.assert_max_recompiles(0, model, *((x,) for x in calls))
            with pytest.raises(TypeError, match="at least two calls"):
                g2.assert_max_recompiles(0, model, X)

        def test_a_block(g2):
            compiled = torch.compile(Whole(), backend="eager")
            with g2.watch(max_breaks=0, max_graphs=1) as seen:
                compiled(X)
                with pytest.raises(RuntimeError, match="before the code"):
                    seen.breaks
            assert len(seen.graphs) == 1
            with pytest.raises(AssertionError, match="max_breaks is 0"), g2.watch(max_breaks=0):
                Net()(X)
            with pytest.raises(ZeroDivisionError), g2.watch(max_breaks=0):
                Net()(X)
                1 / 0
            assert hooks_are_torchs()
        """
    )
    result = suite.runpytest_subprocess()
    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines(
        [
            ">       g2.assert_no_breaks(Net(), X)",
            "E       AssertionError: g2: 1 place that breaks a graph, where max_breaks is 0",
            "E        1  `if` on a tensor's value: y.sum() > 1e9",
            "E           model.py:12:11 in Net.forward",
            "E           Path  test_fixture.py:14 test_break * here",
            "E*torch.where(condition, a, b)*",
        ]
    )
    result.stdout.no_fnmatch_line("*torch.__trace*")  # torch's structured trace, in what pytest shows of the log
    result.stdout.no_fnmatch_line("*ms a call*")  # of a single call
    # The failing line is the test's; none of ours is shown.
    assert "cli/testing" not in lines(result)


def test_the_marker(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        test_marker="""
        import pytest, torch
        from model import Net, Whole
        from untouched import hooks_are_torchs

        compiled = torch.compile(Net())  # when the file is imported, as models of a suite often are
        X = torch.ones(2, 4)

        @pytest.mark.g2
        def test_no_limit_is_no_break():
            Net()(X)

        @pytest.mark.g2(max_breaks=1, max_recompiles=0, max_graphs=1)
        def test_within():
            Net()(X)

        @pytest.mark.g2(max_recompiles=0)
        def test_versions():
            for n in (2, 3, 5):
                Whole()(torch.ones(n, 4))

        @pytest.mark.g2
        def test_compiled_earlier():
            Whole()(X)
            compiled(X)

        @pytest.mark.g2
        def test_what_is_compiled_counts_alone():
            model = Whole()
            expected = model(X)
            Net()(X)
            assert torch.equal(torch.compile(model)(X), expected)

        @pytest.mark.g2(max_recompiles=0)
        def test_eager_first_is_no_version():
            model = Whole()
            model(X)
            torch.compile(model)(X)

        @pytest.mark.g2
        def test_fails_by_itself():
            Net()(X)
            assert X.sum() == 0

        @pytest.mark.g2(breaks=0)
        def test_wrong_name():
            pass

        @pytest.mark.g2
        def test_both(g2):
            pass

        def test_after_all():
            assert hooks_are_torchs()
        """
    )
    result = suite.runpytest_subprocess("-rA")
    failed = {line.split("::")[1].split(" ")[0]: line for line in result.outlines if line.startswith("FAILED")}
    assert set(failed) == {
        "test_no_limit_is_no_break", "test_versions", "test_compiled_earlier", "test_fails_by_itself",
        "test_wrong_name", "test_both",
    }  # fmt: skip
    assert "1 recompile, where max_recompiles is 0" in failed["test_versions"]
    assert "assert tensor(8.) == 0" in failed["test_fails_by_itself"]
    result.stdout.fnmatch_lines(["*takes max_breaks, max_recompiles, max_graphs, by name, and not breaks*"])
    assert "graph breaks and recompiles =" not in lines(result)  # that section is --g2's


SUITE = """
    import torch
    from model import Net, Whole

    def test_shape():
        assert Net()(torch.ones(2, 4)).shape == (2, 4)

    def test_other_shape():
        assert Net()(torch.ones(3, 4)).shape == (3, 4)

    def test_whole():
        Whole()(torch.ones(3, 4))

    def test_nothing():
        pass
"""


@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["one process", "xdist"])
def test_a_suite(suite: pytest.Pytester, options: list[str]) -> None:
    suite.makepyfile(test_suite=SUITE)
    result = suite.runpytest_subprocess("--g2", *options)
    result.assert_outcomes(passed=4)
    assert "1 place that breaks a graph or recompiles, in 2 of 3 tests that compiled something" in result.outlines
    at = result.outlines.index("model.py:12:11: tensor-branch: `if` on a tensor's value: y.sum() > 1e9")
    assert sorted(result.outlines[at + 1 : at + 3]) == [
        "    test_suite.py::test_other_shape",
        "    test_suite.py::test_shape",
    ]
    result.stdout.fnmatch_lines(["`g2 why tensor-branch` explains the first."])


def test_failing_a_suite(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_suite=SUITE)
    suite.runpytest_subprocess("--g2-fail", "-k", "shape or whole").assert_outcomes(failed=2, passed=1, deselected=1)
    suite.makeini("[pytest]\ng2_fail = recompiles\n")
    suite.runpytest_subprocess("--g2", "-k", "test_shape").assert_outcomes(passed=1, deselected=3)
    suite.makeini("[pytest]\ng2_fail = crashes\n")
    result = suite.runpytest_subprocess("--g2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "g2_fail takes breaks and recompiles, and not 'crashes'" in result.stderr.str()


def test_under_g2_explain_a_test_that_watches_is_skipped(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite.makepyfile(test_suite="import torch\ndef test_it(g2):\n    g2.assert_no_breaks(torch.relu, torch.ones(2))\n")
    monkeypatch.setenv("G2_RECORD", str(suite.path / "record"))
    result = suite.runpytest_subprocess("-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*g2: this process is recorded already"])


def test_a_suite_that_does_not_use_it_pays_nothing(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        test_suite="""
        import sys

        def test_it(pytestconfig):
            assert pytestconfig.pluginmanager.has_plugin("g2")
            loaded = {name for name in sys.modules if name.partition(".")[0] == "g2"}
            assert loaded == {"g2", "g2.cli", "g2.cli.pytest_plugin"}
            assert not {"torch", "click", "rich", "jinja2"} & set(sys.modules)
        """
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(suite.path)], capture_output=True, text=True, cwd=suite.path
    )
    assert done.returncode == 0, done.stdout
