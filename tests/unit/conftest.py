"""For the tests without torch: hand-made samples, and screens that are compared as whole files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `import samples`

SCREENS = Path(__file__).parents[2] / "fixtures" / "screens"


@pytest.fixture
def screen(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with fixtures/screens/NAME; `pytest --accept` writes it there instead."""

    def compare(name: str, text: str) -> None:
        path = SCREENS / name
        if request.config.getoption("--accept"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{name} was never accepted: pytest --accept"
        assert text == path.read_text(encoding="utf-8"), f"{name} differs; pytest --accept takes it"

    return compare
