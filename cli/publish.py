"""Bring a report to where it belongs: a terminal, stdout or a file."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from g2.capture.model import Session
from g2.cli.choose import Choice
from g2.cli.cures import cures, with_next_step
from g2.cli.errors import Refusal, say
from g2.cli.files import write_report
from g2.cli.look import output_for
from g2.cli.summary import summary
from g2.cli.views import Output, view
from g2.explain.report import Report


def publish(
    session: Session, choice: Choice, *, on_stderr: bool, quiet: bool, record: Path | None, last: bool
) -> Report:
    """Explain a session, show it as chosen, and return what was shown.

    record: its folder; last: whether `g2 fix`, which takes the last record of this folder, would take this one.

    Raises Refusal when the file cannot be written; the report is on the terminal by then.
    """
    from g2.explain.findings import report as explained

    report, left_out = choice.narrow(explained(session))
    if last:
        report = with_next_step(report)
    if choice.file is not None:
        look = output_for(None, choice.limit, choice.verbose, left_out)
        text = _drawn(report, choice.format, look, record)
        try:
            write_report(choice.file, text)
        except OSError as error:
            _show(report, "terminal", choice, left_out, sys.stderr, record)
            raise Refusal(
                f"{choice.file} cannot be written: {error.strerror or error}",
                f"g2 show --as {choice.format} -o FILE writes it without running the script again",
            ) from None
        if not quiet:
            say(f"g2: {summary(report, left_out)}")
            say(f"g2: the report is in {_near(choice.file)}")
        return report
    stream = sys.stderr if on_stderr and not choice.machine else sys.stdout
    _show(report, choice.format, choice, left_out, stream, record)
    return report


def exit_code(session: Session, report: Report) -> int:
    """0 nothing found, 1 findings, else the script's own code, 128 + N for signal N."""
    if session.exit_code < 0:
        return 128 - session.exit_code
    return session.exit_code or (0 if report.clean else 1)


def _show(report: Report, name: str, choice: Choice, left_out: int, stream: TextIO | None, record: Path | None) -> None:
    if stream is None:
        return
    text = _drawn(report, name, output_for(stream, choice.limit, choice.verbose, left_out), record)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    if name == "terminal":
        text = "\n" + text if stream is sys.stderr else text
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def _drawn(report: Report, name: str, look: Output, record: Path | None) -> str:
    if name != "terminal":
        from g2.cli.checking.kept import kept

        look = replace(look, cures=cures(report, record), check=kept(record))
    return view(name).render(report, look)


def _near(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
