"""The operator that is shown for a compiled extension runs, captures whole, and its fake tells the right shape."""

from __future__ import annotations

import pytest
import torch

from g2.rewrite.rules._operator_text import Input, operator_text


@pytest.mark.parametrize(
    ("name", "call", "shape", "dtype", "wanted"),
    [
        ("like_first", "torch.tanh(x)", (2, 3), "float32", "torch.empty_like(x)"),
        ("unseen", "torch.tanh(x)", None, "", "torch.empty_like(x)"),
        ("other_type", "x.long()", (2, 3), "int64", "torch.empty_like(x, dtype=torch.int64)"),
        ("other_shape", "(x @ w) + k", (2, 4), "float32", "x.new_empty((x.shape[0], w.shape[1]))"),
        ("rows", "x.sum(1)", (2,), "float32", "x.new_empty((x.shape[0],))"),
    ],
)
def test_operator(name: str, call: str, shape: tuple[int, ...] | None, dtype: str, wanted: str) -> None:
    inputs = [
        Input("x", "torch.Tensor", (2, 3), "float32"),
        Input("w", "torch.Tensor", (3, 4), "float32"),
        Input("k", "int"),
    ]
    text = operator_text("torch", "g2_test", name, call, inputs, shape, dtype)
    assert f"return {wanted}\n" in text
    space: dict[str, object] = {"torch": torch}
    exec(text, space)
    operator = space[name]
    assert callable(operator)
    x, w = torch.randn(5, 3), torch.randn(3, 4)
    torch.library.opcheck(operator, (x, w, 2), test_utils=("test_schema", "test_faketensor"))  # type: ignore[arg-type]
    given = operator(x, w, 2)
    assert isinstance(given, torch.Tensor)
    assert torch.equal(given, eval(call, {"torch": torch, "x": x, "w": w, "k": 2}))
