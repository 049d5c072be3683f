"""`%load_ext g2` and `%%g2` in a real Jupyter kernel."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = [
    pytest.mark.torch,
    # Of zmq, asyncio and the kernel's own start; none of it is ours.
    pytest.mark.filterwarnings("ignore"),
]

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
        for row in y:
            print("<script>row</script>", row.sum().item())
        return y

model = Net()
"""
CELLS = [
    "%load_ext g2",
    "import sys\nprint('torch' in sys.modules, 'click' in sys.modules)",
    MODEL,
    "%%g2\nout = model(torch.ones(2, 4))\nprint('ran', tuple(out.shape))\nout.shape",
    "%%g2\nmodel.linear(torch.ones(2, 4))\nscript = torch.compile(lambda x: torch.relu(x) + 1)\nscript(out).shape",
    "%%g2 --fast\n1",
    "%%g2\nlen('abc')",
    "%%g2\nmodel(torch.ones(2, 4))\n1 / 0",
    "print(type(model).__call__ is nn.Module.__call__, nn.Module.__call__.__module__, tuple(script(out).shape))",
    "%%g2\nimport asyncio\nawait asyncio.sleep(0)",
]


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The cells' outputs."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    client = NotebookClient(notebook, timeout=300, allow_errors=True, resources={"metadata": {"path": str(folder)}})
    client.create_kernel_manager()
    assert client.km is not None and client.km.kernel_spec is not None
    client.km.kernel_spec.argv[0] = sys.executable
    client.execute()
    return [cell.outputs for cell in notebook.cells]


def text(outputs: list[Any], stream: str = "stdout") -> str:
    return "".join(one.text for one in outputs if one.output_type == "stream" and one.name == stream)


def shown(outputs: list[Any]) -> list[dict[str, str]]:
    return [one.data for one in outputs if one.output_type == "execute_result"]


def test_loading_it_loads_nothing_more(cells: list[Any]) -> None:
    assert text(cells[1]) == "False False\n"


def test_a_cell_runs_as_any_and_is_explained(cells: list[Any]) -> None:
    assert "ran (2, 4)\n" in text(cells[3])
    result, report = shown(cells[3])
    assert result["text/plain"] == "torch.Size([2, 4])"
    plain = report["text/plain"]
    assert plain.splitlines()[0] == "2 graph breaks, 1 hidden break"
    assert re.search(r"`if` on a tensor's value: y\.sum\(\) > 1e9\n +In\[3\]:11:11 in Net\.forward", plain)
    assert "Path  this cell:1 → here" in plain
    assert "ipykernel" not in plain
    assert not text(cells[3], "stderr")


def test_the_page_is_in_a_frame_of_its_own(cells: list[Any]) -> None:
    frame = shown(cells[3])[1]["text/html"]
    (page,) = re.fullmatch(r'<iframe [^>]*sandbox="allow-scripts" srcdoc="([^"]*)" [^>]*></iframe>', frame).groups()  # type: ignore[union-attr]
    document = html.unescape(page)
    assert document.startswith("<!DOCTYPE html>")
    assert "y.sum() &gt; 1e9" in document
    assert "In[3]:11:11" in document
    assert "<script>row" not in document


def test_what_the_cell_compiles_counts_alone(cells: list[Any]) -> None:
    result, report = shown(cells[4])
    assert result["text/plain"] == "torch.Size([2, 4])"
    assert "text/html" not in report
    assert report["text/plain"]== "No graph breaks, no recompiles in 1 graph."


def test_a_wrong_option_runs_nothing(cells: list[Any]) -> None:
    assert not shown(cells[5])
    assert "g2: %%g2 has no option --fast" in text(cells[5], "stderr")


def test_a_cell_that_awaits_is_not_run(cells: list[Any]) -> None:
    assert "it has await at its top" in text(cells[9], "stderr")
    assert not shown(cells[9])


def test_a_cell_that_compiles_nothing_says_so(cells: list[Any]) -> None:
    result, report = shown(cells[6])
    assert result["text/plain"] == "3"
    assert report["text/plain"].startswith("Nothing was compiled: the cell called no nn.Module")


def test_a_cell_that_fails_shows_its_error_and_what_was_seen(cells: list[Any]) -> None:
    assert [one.ename for one in cells[7] if one.output_type == "error"] == ["ZeroDivisionError"]
    (report,) = shown(cells[7])
    assert "In[3]:11:11" in report["text/plain"]


def test_nothing_of_it_stays(cells: list[Any]) -> None:
    assert text(cells[8]) == "True torch.nn.modules.module (2, 4)\n"


def test_in_plain_ipython(tmp_path: Path) -> None:
    script = tmp_path / "cells.py"
    script.write_text(
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        f"for cell in {[CELLS[0], MODEL, CELLS[3]]!r}:\n"
        "    shell.run_cell(cell, store_history=True).raise_error()\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "`if` on a tensor's value: y.sum() > 1e9" in done.stdout
    assert "in code made at run time" not in done.stdout
