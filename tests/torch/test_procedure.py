"""A method as an operator: compiled by AOTAutograd, which keeps to what the operator says of its arguments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from g2.rewrite.rule import Example
from g2.rewrite.rules._procedure_examples import EXAMPLES

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example.name))
def test_what_aot_eager_makes_of_it_writes_and_draws_the_same(example: Example, tmp_path: Path) -> None:
    compiled = 'codes = torch.compile(Codes(), backend="aot_eager", fullgraph=True)'
    assert "codes = Codes()" in example.after
    plain, made = tmp_path / "plain.py", tmp_path / "made.py"
    plain.write_text(example.before)
    made.write_text(example.after.replace("codes = Codes()", compiled))
    shown = [
        subprocess.run([sys.executable, str(one)], capture_output=True, text=True, timeout=300, check=False)
        for one in (plain, made)
    ]
    assert shown[0].stdout
    assert (shown[1].returncode, shown[1].stdout) == (0, shown[0].stdout), shown[1].stderr
