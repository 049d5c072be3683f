"""The table of devices: every figure has a source, every target a meaning."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from g2.check import devices
from g2.check.devices import UnknownTarget, architecture, architectures, device, this_machine

DATA = json.loads(files("g2.check").joinpath("data", "devices.json").read_text("utf-8"))


def figures(one: dict[str, object]) -> list[dict[str, object]]:
    """Every figure of a device, those in tables with them."""
    found: list[dict[str, object]] = []
    for value in one.values():
        if isinstance(value, dict):
            found += [value] if "value" in value else figures(value)
    return found


@pytest.mark.parametrize("one", DATA["devices"], ids=lambda one: one["name"])
def test_every_figure_says_where_it_is_from(one: dict[str, object]) -> None:
    found = figures(one)
    assert len(found) >= 8
    for figure in found:
        assert isinstance(figure["value"], (int, float)) and figure["value"] > 0
        assert len(str(figure["source"])) > 20


def test_each_architecture_has_one_default() -> None:
    defaults = [one["target"] for one in DATA["devices"] if one["default"]]
    assert sorted(defaults) == sorted({one["target"] for one in DATA["devices"]})
    assert {"sm_80", "sm_89", "sm_90", "sm_100", "gfx942"} <= set(defaults)


@pytest.mark.parametrize(
    ("said", "target", "name"),
    [
        ("sm_80", "sm_80", "A100"),
        ("sm_90", "sm_90", "H100"),
        ("SM90", "sm_90", "H100"),
        ("sm_90a", "sm_90", "H100"),
        ("h200", "sm_90", "H200"),
        ("NVIDIA H200", "sm_90", "H200"),
        ("NVIDIA H100 80GB HBM3", "sm_90", "H100"),
        ("NVIDIA A100-SXM4-80GB", "sm_80", "A100"),
        ("NVIDIA GeForce RTX 4090", "sm_89", "RTX 4090"),
        ("a100-40gb", "sm_80", "A100 40GB"),
        ("sm_100", "sm_100", "B200"),
        ("rtx 4090", "sm_89", "RTX 4090"),
        ("gfx942:sramecc+:xnack-", "gfx942", "MI300X"),
    ],
)
def test_a_target_is_an_architecture_or_a_device(said: str, target: str, name: str) -> None:
    assert architecture(said) == target
    found = device(said)
    assert found is not None and found.name == name


def test_what_triton_compiles_for_may_have_no_known_limits() -> None:
    assert architecture("sm_75") == "sm_75"
    assert device("sm_75") is None
    assert architecture("native") == "native"
    assert device("native") is None


@pytest.mark.parametrize("said", ["sm_33", "h300", "", "cuda", "sm_"])
def test_an_unknown_target_is_told_with_those_that_are_known(said: str) -> None:
    with pytest.raises(UnknownTarget) as raised:
        device(said)
    message = str(raised.value)
    assert all(name in message for name in architectures())
    assert all(one.name in message for one in devices.devices())


def test_rates_by_dtype() -> None:
    h200 = device("h200")
    assert h200 is not None
    matrix, vector = h200.rate("bfloat16", matrix=True), h200.rate("bfloat16")
    assert matrix is not None and vector is not None and matrix > vector
    assert h200.rate("float8_e4m3fn", matrix=True) == h200.matrix["float8"]
    assert h200.rate("float32", matrix=True) == h200.vector["float32"]  # TF32 has to be asked for
    assert h200.rate("int64") is None
    a100 = device("a100")
    assert a100 is not None and a100.rate("float8_e5m2", matrix=True) == a100.matrix["float16"]
    assert a100.rate("complex64") == a100.vector["float32"]


def test_the_h200_is_an_h100_with_more_bandwidth() -> None:
    h100, h200 = device("h100"), device("h200")
    assert h100 is not None and h200 is not None and h100.ridge is not None and h200.ridge is not None
    assert h200.bandwidth > h100.bandwidth and h200.ridge < h100.ridge


def test_a_measured_processor_says_so() -> None:
    one = this_machine("CPU", 2, 30e9, 16e9, 32e6, {"float32": 1e11})
    assert one.measured and one.target == "native"
    assert "measured in this run with 2 threads" in one.sources["bandwidth"]
    assert one.rate("float32", matrix=True) == 1e11
