"""Which values are tensors, and what is told where they decide."""

from __future__ import annotations

import pytest
from scanning import forward

SURE = "tensor-branch sure"


def test_a_branch_on_a_tensor_is_sure() -> None:
    assert forward("y = F.relu(x)\nif y.sum() > 0:\n    return y\nreturn x") == [f"{SURE} y.sum() > 0"]


@pytest.mark.parametrize(
    "test",
    [
        "x.shape[0] > 3",
        "x.dim() == 4",
        "x.size(1) > 2",
        "len(x) > 2",
        "x is not None",
        "x.dtype == torch.float16",
        "x.device.type == 'cuda'",
        "x.is_cuda",
        "x.requires_grad",
        "isinstance(x, torch.Tensor)",
        "hasattr(x, 'names')",
        "torch.is_grad_enabled()",
        "torch.is_tensor(x)",
        "torch.is_floating_point(x)",
        "self.training",
        "x.numel() == 0",
        "x.is_contiguous()",
        "x.ndim > 2 and x.shape[-1] % 2 == 0",
        "not torch.jit.is_scripting()",
        "self.scale",
        "self.act == 'relu'",
    ],
)
def test_what_is_known_without_the_numbers_is_no_branch_on_a_tensor(test: str) -> None:
    assert forward(f"if {test}:\n    return x + 1\nreturn torch.sin(x)", init="self.scale = 2\nself.act = 'relu'") == []


@pytest.mark.parametrize(
    "test",
    [
        "x.sum() > 0",
        "torch.any(x > 3)",
        "(x > 0).all()",
        "torch.isnan(x).any()",
        "x.abs().max() > self.scale",
        "F.relu(x).mean() < 1",
        "self.flag",
        "self.lin(x).sum() > 0",
        "self.layers[0](x).mean() == 1",
        "self.seq(x).std() > 1",
        "x[0, 0] > 0",
    ],
)
def test_a_tensor_decides(test: str) -> None:
    init = """
        self.scale = 2
        self.lin = nn.Linear(2, 2)
        self.layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
        self.seq = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        self.register_buffer("flag", torch.zeros(()))
    """
    assert forward(f"x = torch.sin(x)\nif {test}:\n    return x + 1\nreturn x", init=init) != []


@pytest.mark.parametrize(
    "body",
    [
        "while x.sum() < 9:\n    x = x * 2\nreturn x",
        "return x + 1 if x.sum() > 0 else x",
        "return x if not x.any() else x + 1",
        "y = x.sum() or 1\nreturn y",
        "return [i for i in [x.sum()] if i > 0]",
        "assert x.sum() > 0, f'{x.shape}'\nreturn x",
        "if 0 < x.sum() < 3:\n    x = x + 1\nreturn x",
        "if (y := x.sum()) > 0:\n    x = x + y\nreturn x",
        "a, b = x.max(dim=0)\nif b[0] > 3:\n    x = x + 1\nreturn x",
        "total = 0\nfor i in range(3):\n    if total > 5:\n        break\n    total = total + x.sum()\nreturn total",
        "ys = []\nfor i in range(3):\n    ys.append(torch.sin(x))\nif ys[0].sum() > 1:\n    return x\nreturn ys",
    ],
)
def test_every_way_to_ask_is_seen(body: str) -> None:
    assert [line for line in forward(f"x = torch.cos(x)\n{body}") if line.startswith("tensor-branch")]


def test_an_assert_that_dynamo_turns_into_an_operator_is_none() -> None:
    assert forward("assert torch.sin(x).sum() > 0, 'negative'\nreturn x") == []


def test_what_is_kept_for_eager_is_not_told() -> None:
    assert forward("if not torch.compiler.is_compiling():\n    print(x)\nreturn x") == []
    assert forward("if torch.compiler.is_compiling():\n    return x\nprint(x)\nreturn x") == []


def test_a_line_that_need_not_run_is_likely_only() -> None:
    body = "if self.training:\n    return torch.sin(x).sum().item()\nreturn x.tolist()"
    assert forward(body, "self, x: torch.Tensor") == [
        "host-value likely torch.sin(x).sum().item()",
        "host-value likely x.tolist()",
    ]


def test_a_check_that_raises_leaves_the_rest_sure() -> None:
    body = "if x.dim() != 2:\n    raise ValueError('dim')\nreturn x.tolist()"
    assert forward(body, "self, x: torch.Tensor") == ["host-value sure x.tolist()"]


def test_optional_tensors_are_tensors_where_they_are_not_none() -> None:
    body = "if mask is not None and mask.any():\n    x = x + 1\nif mask:\n    x = x + 2\nreturn x"
    found = forward(body, "self, x, mask: torch.Tensor | None = None")
    assert [line.split()[2:] for line in found] == [["mask.any()"], ["mask"]]


@pytest.mark.parametrize("default", ["True", "3", "'mean'", "0.5"])
def test_a_default_says_what_a_parameter_is(default: str) -> None:
    assert forward("if flag:\n    x = x + 1\nreturn x", f"self, x, flag={default}") == []


def test_a_name_that_is_bound_again_is_something_else() -> None:
    assert forward("x = torch.sin(x).shape[0]\nif x > 3:\n    return 1\nreturn 2") == []


def test_what_a_function_sets_or_asks_of_an_attribute_is_known_after_it() -> None:
    set_there = "out = make()\nout.mask = torch.sin(x) > 0\nreturn torch.sin(x)[out.mask]"
    assert forward(set_there) == ["data-dependent-shape sure torch.sin(x)[out.mask]"]
    called = "out = make()\nout.total = torch.sin(x).sum()\nreturn out.total.item()"
    assert forward(called) == ["host-value sure out.total.item()"]
    asked = "out = make()\nif isinstance(out.scale, torch.Tensor):\n    return out.scale.item()\nreturn x"
    assert forward(asked) == ["host-value likely out.scale.item()"]
    forgotten = "out = make()\nout.mask = torch.sin(x) > 0\nout = make()\nreturn torch.sin(x)[out.mask]"
    assert forward(forgotten) == []
