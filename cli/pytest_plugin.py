"""The pytest plugin: `pytest --g2`, the fixture `g2`, the marker `g2`. docs/testing.md says how they are used.

pytest loads this file in every run of an environment in which g2 is installed, so it imports nothing of g2 or torch
until a test asks for it.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from g2.cli.testing.fixture import G2
    from g2.cli.testing.suite import Suite

_MARKER = (
    "g2(max_breaks=None, max_recompiles=None, max_graphs=None): the most graph breaks, recompiles and graphs that "
    "Dynamo may make of what the test compiles; without a limit, no break (g2-torch)"
)
_FAIL = "what fails a test under --g2: breaks, recompiles, or both; nothing by default"
_suite: pytest.StashKey[Suite] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("g2", "graph breaks and recompiles (g2-torch)")
    group.addoption("--g2", action="store_true", help="Show the graph breaks and recompiles of each test.")
    group.addoption("--g2-fail", action="store_true", help="--g2; a test with a break or a recompile fails.")
    parser.addini("g2_fail", _FAIL, type="args", default=[])


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)
    if config.getoption("--g2") or config.getoption("--g2-fail"):
        from g2.cli.testing.suite import Suite

        suite = config.stash[_suite] = Suite.of(config)
        config.pluginmanager.register(suite, "g2-suite")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    mark = item.get_closest_marker("g2")
    suite = item.config.stash.get(_suite, None)
    if mark is None and (suite is None or "torch" not in sys.modules):
        return (yield)
    from g2.cli.testing.watched import watched

    with watched(item, mark, suite):
        result = yield
    return result


@pytest.fixture
def g2() -> G2:
    """Asserts on graph breaks, recompiles and graphs; see docs/testing.md of g2-torch."""
    from g2.cli.testing.fixture import G2

    return G2()
