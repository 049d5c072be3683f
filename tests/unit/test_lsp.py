"""`g2 lsp`, driven by a client of the Language Server Protocol over the standard streams of a real process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient

from g2.capture.model import Break, Effect, Owner, Session, Snippet, Span
from g2.cli.app import version
from g2.cli.store import Store

TEXT = '''\
import torch
from torch import nn


class Net(nn.Module):
    """Läuft 😀"""

    def forward(self, x):
        y = torch.relu(x)
        ä = 1; print("😀", y.sum().item())
        if y.sum() > 0:
            y = y * 2
        return y
'''
DIFF = """\
--- a/model.py
+++ b/model.py
@@ -9,5 +9,4 @@
         y = torch.relu(x)
         ä = 1; print("😀", y.sum().item())
-        if y.sum() > 0:
-            y = y * 2
+        y = torch.where(y.sum() > 0, y * 2, y)
         return y
"""
_LONGEST = 60  # seconds; a test machine may be busy


class Editor:
    """A client with what it was told last of each file."""

    def __init__(self, client: LanguageClient, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.told: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()
        self.messages: list[str] = []
        self.version = 1

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    async def open(self, name: str, text: str) -> None:
        item = types.TextDocumentItem(self.uri(name), types.LanguageKind.Python, 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    async def change(self, name: str, text: str) -> None:
        self.version += 1
        which = types.VersionedTextDocumentIdentifier(self.version, self.uri(name))
        whole = types.TextDocumentContentChangeWholeDocument(text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(which, [whole]))

    async def diagnostics(self, name: str) -> dict[str, types.Diagnostic]:
        """What comes next, by the codes."""
        while True:
            params = await asyncio.wait_for(self.told.get(), _LONGEST)
            if params.uri == self.uri(name):
                return {str(one.code): one for one in params.diagnostics}

    async def hover(self, name: str, line: int, character: int) -> str:
        where = types.HoverParams(types.TextDocumentIdentifier(self.uri(name)), types.Position(line, character))
        answer = await self.client.text_document_hover_async(where)
        assert answer is None or isinstance(answer.contents, types.MarkupContent)
        return "" if answer is None or not isinstance(answer.contents, types.MarkupContent) else answer.contents.value

    async def actions(self, name: str, line: int) -> list[types.CodeAction]:
        at = types.Range(types.Position(line, 0), types.Position(line, 30))
        context = types.CodeActionContext([])
        params = types.CodeActionParams(types.TextDocumentIdentifier(self.uri(name)), at, context)
        answer = await self.client.text_document_code_action_async(params)
        return [action for action in answer or [] if isinstance(action, types.CodeAction)]


def session(folder: Path, test: Callable[[Editor], Awaitable[None]]) -> None:
    """Start a server for a folder, let the test drive it, and end it as the protocol says."""

    async def run() -> None:
        client = LanguageClient("test", "1")
        editor = Editor(client, folder)
        client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(lambda params: editor.told.put_nowait(params))
        client.feature(types.WINDOW_SHOW_MESSAGE)(lambda params: editor.messages.append(params.message))
        faults: list[str] = []
        client.feature(types.WINDOW_LOG_MESSAGE)(lambda params: faults.append(params.message))
        await client.start_io(sys.executable, "-m", "g2.cli", "lsp", cwd=folder)
        root = types.WorkspaceFolder(folder.as_uri(), folder.name)
        started = await client.initialize_async(
            types.InitializeParams(types.ClientCapabilities(), workspace_folders=[root])
        )
        assert started.server_info is not None and started.server_info.name == "g2"
        client.initialized(types.InitializedParams())
        try:
            await test(editor)
            assert not faults
        finally:
            await asyncio.wait_for(client.shutdown_async(None), _LONGEST)
            client.exit(None)
            await client.stop()

    asyncio.run(run())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "pröject"
    made.mkdir()
    monkeypatch.chdir(made)
    monkeypatch.setenv("G2_HOME", str(tmp_path / "home"))
    (made / "model.py").write_text(TEXT, "utf-8")
    return made


def recorded(folder: Path) -> None:
    """A record of the folder in the store, with what g2 fix found for it."""
    span = Span("model.py", 11, 11, 11, 22)
    found = Break(
        span=span, kind="GB0170", title="Data-dependent branching", context="", function="Net.forward", module=None,
        stack=(), count=1, calls=1, owner=Owner(True), effect=Effect.SPLIT, opcode="POP_JUMP_IF_FALSE",
        snippet=Snippet(9, tuple(TEXT.splitlines()[8:13])),
    )  # fmt: skip
    gone = replace(found, span=Span("model.py", 3, 0, 3, 4), snippet=Snippet(3, ("gone()",)))
    made = Session(
        g2=version(), argv=("train.py",), cwd=str(folder), exit_code=0, python="3.11.0", torch="2.13.0", device="cpu",
        started=time.time(), seconds=1.0, breaks=(found, gone),
    )  # fmt: skip
    store = Store.open()
    with store.new_run(("train.py",)) as run:
        store.save(run, made)
        offer = {
            "proposal": {"rule": "branch-to-where", "summary": "The branch becomes torch.where"},
            "safety": "safe",
            "diffs": [[str(folder / "model.py"), DIFF]],
            "targets": [{"span": {"path": "model.py", "line": 11, "column": 11, "end_line": 11, "end_column": 22}}],
        }
        (run / "fix.json").write_text(json.dumps({"format": 1, "fixing": {"offers": [offer]}}), "utf-8")


def test_the_scan_marks_what_is_open_and_unsaved(folder: Path) -> None:
    async def drive(editor: Editor) -> None:
        await editor.open("model.py", TEXT)
        first = await editor.diagnostics("model.py")
        assert {"tensor-branch", "print-call"} <= set(first)
        branch = first["tensor-branch"]
        assert branch.source == "g2" and "y.sum() > 0" in branch.message
        assert (branch.range.start.line, branch.range.end) == (10, types.Position(10, 22))
        # A character beyond the 16 bits of UTF-16 counts twice for an editor.
        line = TEXT.splitlines()[9]
        before = line[: line.index("print")]
        assert first["print-call"].range.start == types.Position(9, len(before.encode("utf-16-le")) // 2)

        await editor.change("model.py", TEXT.replace("if y.sum() > 0", "if True"))
        assert "tensor-branch" not in await editor.diagnostics("model.py")
        await editor.change("model.py", "import torch\n\n\n" + TEXT)
        assert (await editor.diagnostics("model.py"))["tensor-branch"].range.start.line == 13
        editor.client.text_document_did_close(
            types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(editor.uri("model.py")))
        )
        assert not await editor.diagnostics("model.py")

    session(folder, drive)


def test_a_hover_says_what_explain_and_why_say(folder: Path) -> None:
    async def drive(editor: Editor) -> None:
        await editor.open("model.py", TEXT)
        await editor.diagnostics("model.py")
        said = await editor.hover("model.py", 10, 15)
        assert "tensor-branch · found in the source" in said
        assert "Dynamo records a graph without computing" in said
        assert "**What to write instead**" in said
        assert "```python\n" in said
        assert not await editor.hover("model.py", 12, 10)

    session(folder, drive)


def test_the_last_record_and_its_proved_rewrite(folder: Path) -> None:
    recorded(folder)

    async def drive(editor: Editor) -> None:
        await editor.open("model.py", TEXT)
        first = await editor.diagnostics("model.py")
        assert first["tensor-branch"].severity == types.DiagnosticSeverity.Warning
        assert "met by the last run" in await editor.hover("model.py", 10, 15)
        (action,) = await editor.actions("model.py", 10)
        assert action.title == "g2: The branch becomes torch.where"
        assert action.is_preferred
        assert action.edit is not None and action.edit.changes is not None
        (edit,) = action.edit.changes[editor.uri("model.py")]
        assert isinstance(edit, types.TextEdit)
        assert edit.range == types.Range(types.Position(10, 0), types.Position(12, 0))
        assert edit.new_text == "        y = torch.where(y.sum() > 0, y * 2, y)\n"
        assert not await editor.actions("model.py", 0)

        # The place moves with its line; a rewrite proved for another text is not offered.
        await editor.change("model.py", "# one more line\n" + TEXT)
        assert (await editor.diagnostics("model.py"))["tensor-branch"].range.start.line == 11
        assert not await editor.actions("model.py", 11)
        # The line is gone: so is what was recorded of it.
        await editor.change("model.py", TEXT.replace("if y.sum() > 0:", "if self.training:"))
        assert "tensor-branch" not in await editor.diagnostics("model.py")

    session(folder, drive)


def test_settings_that_are_wrong_are_said_once(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[tool.g2]\nignroe = []\n", "utf-8")

    async def drive(editor: Editor) -> None:
        await editor.open("model.py", TEXT)
        assert not await editor.diagnostics("model.py")
        await editor.change("model.py", TEXT + "\n")
        assert not await editor.diagnostics("model.py")
        assert len(editor.messages) == 1
        assert "ignroe" in editor.messages[0]
        (folder / "pyproject.toml").write_text('[tool.g2]\nignore = ["print-call"]\n', "utf-8")
        await editor.change("model.py", TEXT)
        assert "print-call" not in await editor.diagnostics("model.py")

    session(folder, drive)


def test_source_that_does_not_parse_is_no_fault(folder: Path) -> None:
    async def drive(editor: Editor) -> None:
        await editor.open("model.py", TEXT + "def (:\n")
        assert not await editor.diagnostics("model.py")
        await editor.open("other.py", "\x00")
        assert not await editor.diagnostics("other.py")

    session(folder, drive)


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    block = "import sys\nsys.modules['pygls'] = None\nfrom g2.cli.app import main\nsys.exit(main(['lsp']))\n"
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, cwd=tmp_path, timeout=_LONGEST)
    assert done.returncode == 2
    assert done.stderr == (
        "g2: the language server needs pygls, which is not installed\n  try: pip install 'g2-torch[lsp]'\n"
    )


def test_it_loads_no_torch() -> None:
    code = "import sys, g2.cli.editor.server as s; s.make(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=_LONGEST)
    assert done.stdout == "False\n", done.stderr


