"""The language server: marks, hovers and quick fixes of open Python files, over the standard streams.

Everything that takes time runs in one thread beside the loop. What arrives too late is dropped.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path
from pygls.workspace import TextDocument

from g2.cli.app import version
from g2.cli.editor.edits import FileEdits, edits
from g2.cli.editor.marks import Mark, marks
from g2.cli.editor.said import hover
from g2.cli.errors import Refusal
from g2.cli.views import Cure

SETTLED = 0.4  # seconds without a keystroke after which the unsaved text is scanned
_SEVERITY = {
    "error": types.DiagnosticSeverity.Warning,  # Python runs it; only the graph breaks
    "warning": types.DiagnosticSeverity.Information,
    "note": types.DiagnosticSeverity.Hint,
}


class Server(LanguageServer):
    """One editor's."""

    def __init__(self) -> None:
        super().__init__("g2", version(), text_document_sync_kind=types.TextDocumentSyncKind.Incremental)
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="g2-marks")
        self._asked = 0
        self._marks: dict[str, tuple[Mark, ...]] = {}  # by path, of the open files
        self._refused = ""

    async def refresh(self, wait: float = 0.0) -> None:
        """Look at all open files again, unless something is asked for meanwhile."""
        self._asked += 1
        asked = self._asked
        await asyncio.sleep(wait)
        if asked != self._asked:
            return
        texts = {path: document.source for document in self._open() if (path := to_fs_path(document.uri))}
        found: dict[str, list[Mark]] = {path: [] for path in texts}
        for folder in {self._folder(path) for path in texts}:
            for mark in await self._look(folder, texts):
                if mark.path in found:
                    found[mark.path].append(mark)
        if asked != self._asked:
            return
        self._marks = {path: tuple(each) for path, each in found.items()}
        for document in self._open():
            path = to_fs_path(document.uri) or ""
            told = [self._diagnostic(document, mark) for mark in self._marks.get(path, ())]
            self.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(document.uri, told, version=document.version)
            )

    def close(self, uri: str) -> None:
        """The file is no longer open: its marks go."""
        self._marks.pop(to_fs_path(uri) or "", None)
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    def at(self, uri: str, wanted: types.Range) -> list[tuple[Mark, types.Range]]:
        """The marks of a file that touch a range, with theirs."""
        document = self.workspace.get_text_document(uri)
        found = [(mark, self._range(document, mark)) for mark in self._marks.get(to_fs_path(uri) or "", ())]
        return [(mark, own) for mark, own in found if own.start <= wanted.end and wanted.start <= own.end]

    def fixes(self, mark: Mark, own: types.Range, uri: str) -> list[types.CodeAction]:
        """A quick fix for each proved rewrite that still fits."""
        document = self.workspace.get_text_document(uri)
        proved = [cure for cure in mark.notice.cures if cure.tried and cure.safety in ("safe", "ask")]
        return [
            types.CodeAction(
                title=_title(cure),
                kind=types.CodeActionKind.QuickFix,
                diagnostics=[self._diagnostic(document, mark)],
                is_preferred=cure.safety == "safe",
                edit=types.WorkspaceEdit(changes={_uri(one.path): _text_edits(one) for one in found}),
            )
            for cure in proved
            if (found := edits(cure, str(self._folder(mark.path)), self._lines))
        ]

    async def _look(self, folder: Path, texts: dict[str, str]) -> tuple[Mark, ...]:
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._beside, marks, folder, texts)
            self._refused = ""
            return found
        except Refusal as error:
            if error.message != self._refused:  # said once, and not at every key
                self._refused = error.message
                self.window_show_message(types.ShowMessageParams(types.MessageType.Warning, f"g2: {error.message}"))
        except Exception as error:  # the editor's session must outlive a fault of ours
            text = f"g2: a fault in g2 itself: {error!r}\n{traceback.format_exc()}"
            self.window_log_message(types.LogMessageParams(types.MessageType.Error, text))
        return ()

    def _open(self) -> list[TextDocument]:
        return [d for d in self.workspace.text_documents.values() if d.language_id in (None, "python")]

    def _folder(self, path: str) -> Path:
        """The innermost folder of the workspace that the file is in; else its own."""
        roots = [Path(root) for each in self.workspace.folders.values() if (root := to_fs_path(each.uri))]
        if not roots and self.workspace.root_path:
            roots = [Path(self.workspace.root_path)]
        around = [root for root in roots if Path(path).is_relative_to(root)]
        return max(around, key=lambda root: len(root.parts), default=Path(path).parent)

    def _lines(self, path: str) -> Sequence[str] | None:
        try:
            return self.workspace.get_text_document(_uri(path)).source.splitlines()
        except OSError:
            return None

    def _range(self, document: TextDocument, mark: Mark) -> types.Range:
        span, lines = mark.notice.span, document.lines
        first = min(max(span.line - 1, 0), max(len(lines) - 1, 0))
        last = min(max(span.end_line - 1, first), max(len(lines) - 1, 0))
        text = lines[first].rstrip() if lines else ""
        begin, end = span.column, span.end_column
        if begin < 0 or end < 0:
            begin, end, last = len(text) - len(text.lstrip()), len(text), first
        own = types.Range(types.Position(first, begin), types.Position(last, end))
        return self.workspace.position_codec.range_to_client_units(lines, own)

    def _diagnostic(self, document: TextDocument, mark: Mark) -> types.Diagnostic:
        level = types.DiagnosticSeverity.Warning if mark.run else _SEVERITY[mark.notice.level]
        return types.Diagnostic(
            self._range(document, mark), mark.notice.headline, severity=level, code=mark.notice.rule, source="g2"
        )


def _title(cure: Cure) -> str:
    summary = cure.summary or cure.rule
    return f"g2: {summary}" if cure.safety == "safe" else f"g2: {summary} (may differ: see g2 fix)"


def _text_edits(one: FileEdits) -> list[types.TextEdit]:
    return [
        types.TextEdit(types.Range(types.Position(r.first - 1, 0), types.Position(r.last, 0)), r.text)
        for r in one.replacements
    ]


def _uri(path: str) -> str:
    return from_fs_path(path) or ""


def make() -> Server:
    """A server with its features, not yet started."""
    server = Server()

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(_: types.DidOpenTextDocumentParams) -> None:
        await server.refresh()

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    async def saved(_: types.DidSaveTextDocumentParams) -> None:
        await server.refresh()

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(_: types.DidChangeTextDocumentParams) -> None:
        await server.refresh(SETTLED)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        server.close(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hovered(params: types.HoverParams) -> types.Hover | None:
        found = server.at(params.text_document.uri, types.Range(params.position, params.position))
        if not found:
            return None
        text = "\n\n---\n\n".join(hover(mark) for mark, _ in found)
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text), range=found[0][1])

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix])
    )
    def acted(params: types.CodeActionParams) -> list[types.CodeAction]:
        uri = params.text_document.uri
        return [action for mark, own in server.at(uri, params.range) for action in server.fixes(mark, own, uri)]

    return server
