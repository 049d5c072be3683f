"""What holds for every test: nothing of the developer's own environment is read or written."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

# Each of these changes what a run of g2, of torch or of a terminal program prints.
PERSONAL = (
    "CI",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "FORCE_COLOR",
    "G2_RECORD",
    "GITHUB_ACTIONS",
    "LINES",
    "NO_COLOR",
    "PYTHONPATH",
    "PYTHONWARNINGS",
    "RANK",
    "TORCHDYNAMO_DISABLE",
    "TORCH_COMPILE_DISABLE",
    "TORCH_LOGS",
    "TORCH_TRACE",
    "TTY_COMPATIBLE",
    "WORLD_SIZE",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="take what is drawn now as the expected screens")


@pytest.fixture(scope="session", autouse=True)
def own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Takes personal settings away and gives the session store a folder of its own."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in PERSONAL:
            patch.delenv(name, raising=False)
        for kind in ("CACHE", "CONFIG", "DATA", "STATE"):
            patch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    wants_cuda = [item for item in items if item.get_closest_marker("cuda")]
    if not wants_cuda:
        return
    if missing := _missing_for_cuda():
        for item in wants_cuda:
            item.add_marker(pytest.mark.skip(reason=missing))


def _missing_for_cuda() -> str:
    import torch

    if not torch.cuda.is_available():
        return "needs a CUDA device"
    return "" if find_spec("triton") else "needs triton"
