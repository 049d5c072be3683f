"""Each reason's own examples: what stops Dynamo in the bad one is sighted, the good one has nothing sure."""

from __future__ import annotations

import pytest
from scanning import forward, project

from g2.explain.catalog import reasons
from g2.explain.reason import Reason
from g2.explain.recompile_reason import RecompileReason, recompile_reasons
from g2.explain.scan.detector import Detector
from g2.explain.scan.wants import WANTS

SEEN: list[Reason | RecompileReason] = [
    reason for reason in (*reasons().values(), *recompile_reasons().values()) if reason.seen and reason.example
]


@pytest.mark.parametrize("reason", SEEN, ids=lambda reason: reason.slug)
def test_the_bad_example_is_sighted_and_the_good_one_is_not(reason: Reason | RecompileReason) -> None:
    assert reason.example is not None
    assert reason.slug in {each.reason for each in project({"bad.py": reason.example.bad}).sightings}
    good = project({"good.py": reason.example.good}).sightings
    assert [(each.reason, each.code) for each in good if each.sureness == "sure"] == []


def test_reasons_without_a_detector_say_nothing_of_their_good_examples() -> None:
    wrong = {
        reason.slug: [each.headline for each in found]
        for reason in reasons().values()
        if reason.example
        for found in [[s for s in project({"a.py": reason.example.good}).sightings if s.sureness == "sure"]]
        if found
    }
    assert wrong == {}


def test_every_detector_says_what_it_wants_to_see() -> None:
    kinds = {
        "call", "test", "index", "slice", "in", "compare", "set", "put", "augmented", "with", "format", "iterate",
        "class", "import", "generator", "instance",
    }  # fmt: skip
    detectors: list[Detector] = [detector for reason in SEEN for detector in reason.seen]
    assert {detector.what for detector in detectors} <= kinds
    assert set(WANTS) >= {"tensor", "mask", "tensors", "number"}


@pytest.mark.parametrize(
    "line",
    [
        "x = x[x.argmax(dim=-1)]",
        "x[x > 0] = 0",
        "x = x.repeat_interleave(2)",
        "x = torch.repeat_interleave(x, torch.ones(4), output_size=4)",
        "x = torch.where(x > 0, x, -x)",
        "x = F.one_hot(x, 5)",
        "x = x * min(x.sum(), 1)",
        "text = f'{x.shape}'",
        "x = nn.functional.relu(x)",
        "x = nn.ReLU()(x)",
        "x = x.data + 1",
        "x = x * random.uniform(0, 1)",
        "np.random.seed(0)",
        "x = torch.from_numpy(np.sin(x.numpy()))",
        "with torch.no_grad(): x = x + 1",
        "path = os.path.join('a', 'b')",
        "home = os.environ.get('HOME')",
        "settings = copy.deepcopy([1, 2])",
        "d = {'a': x}; x = d['a'] if 'a' in d else x",
        "n = max(len(x), 3)",
        "x = sum([x, x])",
        "n = int(x.shape[0] * 0.5)",
        "n = range(x.size(0))",
        "k = math.sqrt(x.shape[-1])",
        "values = sorted([x.shape[0], 3])",
    ],
)
def test_what_dynamo_traces_is_not_told(line: str) -> None:
    body = f"import copy, math, os, random\nimport numpy as np\n{line}\nreturn x"
    assert forward(body, "self, x: torch.Tensor") == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("y = x[x > 0]", "data-dependent-shape"),
        ("y = x[:, x.isnan()]", "data-dependent-shape"),
        ("y = torch.where(x > 0)", "data-dependent-shape"),
        ("y = x.nonzero()", "data-dependent-shape"),
        ("y = torch.arange(x.max())", "host-value"),
        ("y = [1, 2, 3][x.argmax()]", "host-value"),
        ("y = [int(i) for i in x]", "host-value"),
        ("y = math.floor(x.sum())", "host-value"),
        ("y = x.sum() in [1, 2]", "tensor-branch"),
        ("y = torch.allclose(x, x)", "data-dependent-answer"),
        ("print('hello')", "print-call"),
        ("warnings.warn('slow')", "warning-call"),
        ("logging.getLogger('a').info('b')", "logging-call"),
        ("y = time.perf_counter()", "clock-read"),
        ("y = datetime.datetime.now()", "clock-read"),
        ("y = random.choice([1, 2])", "python-random"),
        ("y = np.random.rand()", "numpy-random"),
        ("y = copy.deepcopy(x)", "copy-or-pickle"),
        ("y = nn.Linear(2, 2)(x)", "module-built-in-forward"),
        ("x.requires_grad = True", "requires-grad-change"),
        ("x.backward()", "backward-in-region"),
        ("y = open('a')", "file-or-environment"),
        ("torch.manual_seed(0)", "random-state"),
        ("self.register_forward_hook(print)", "gradient-hook"),
        ("self.count += 1", "changing-number"),
    ],
)
def test_what_stops_dynamo_is_told(line: str, reason: str) -> None:
    body = f"import copy, datetime, logging, math, random, time, warnings\nimport numpy as np\n{line}\nreturn x"
    found = forward(body, "self, x: torch.Tensor", "self.count = 0")
    assert [told.split()[0] for told in found if told.split()[0] == reason] == [reason]


def test_a_setting_of_dynamo_that_the_project_makes_counts() -> None:
    text = "import torch\n@torch.compile\ndef f(x):\n    return torch.sin(x).sum().item()\n"
    option = "import torch._dynamo\ntorch._dynamo.config.capture_scalar_outputs = True\n"
    assert len(project({"a.py": text}).sightings) == 1
    assert project({"a.py": text, "b.py": option}).sightings == ()
