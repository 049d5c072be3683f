"""What a person asked of `g2 gate`, done for each script."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from g2.capture.launch import LaunchError, Options, run
from g2.capture.model import Session
from g2.cli.baseline import NAME, Baseline, read, write
from g2.cli.choose import Choice
from g2.cli.errors import Refusal, say
from g2.cli.files import write_report
from g2.cli.gating.entries import ENTRY, project_here, touched
from g2.cli.gating.judged import Judged, judge, known_run
from g2.cli.gating.speed import speedup
from g2.cli.gating.unknown import unknown, words_of
from g2.cli.gating.verdict import drawn, verdict_of, ways_on
from g2.cli.git import Git
from g2.cli.look import output_for
from g2.cli.options import unusual
from g2.cli.progress import Streams, streams
from g2.cli.run_options import asked_run
from g2.cli.store import Store
from g2.cli.text import inline, plural
from g2.cli.views import formats
from g2.explain.findings import report as explained


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of a gate, checked."""

    target: tuple[str, ...]
    options: dict[str, Any]  # of a run, those that were given
    staged: bool
    baseline: str | None
    write: bool
    tolerance: float | None
    format: str
    file: Path | None
    limit: int | None
    verbose: bool
    quiet: bool
    words: tuple[str, ...] = ()  # the options that are not about the report, as they are typed

    @classmethod
    def of(cls, given: dict[str, Any]) -> Asked:
        """Raises Refusal for what excludes each other."""
        target, options = asked_run(given, "g2 gate")
        if given["staged"] and target:
            raise Refusal("--staged takes no script", ENTRY)
        if given["format_"] not in (None, *formats()):
            raise Refusal(f"there is no format {given['format_']!r}; there are {', '.join(formats())}")
        choice = Choice.of(given["format_"], given["output"], (), False, given["limit"], given["verbose"])
        plain = ("staged", "baseline", "write", "tolerance", "limit", "verbose", "quiet")
        return cls(
            target=target,
            options=options,
            format=choice.format,
            file=choice.file,
            words=words_of(given),
            **{name: given[name] for name in plain},
        )

    def run(self) -> int:
        """Run what was asked for, tell what changed, and give the exit code: the worst of all scripts."""
        git = Git.find()
        top, project = project_here(git)
        limits: dict[str, Any] = {"calls": project.calls, "time_limit": project.time_limit}
        usual = {name: value for name, value in limits.items() if value is not None}
        targets = [self.target] if self.target else touched(git, project) if self.staged else list(project.entry)
        if not targets and not self.staged:
            raise Refusal("no script was named, and no entry", f"g2 gate SCRIPT, or {ENTRY}")
        if self.file is not None and len(targets) > 1:
            raise Refusal(f"-o takes one script, and there are {len(targets)} entries", "g2 gate -o FILE SCRIPT")
        if not self.target:
            os.chdir(top)  # entries are named from there
        if self.staged and (unlike := git.unlike_staged() if git is not None else []):
            say(f"g2: the scripts run with the files on disk; {plural(len(unlike), 'file')} differ from what is staged")
        path = Path(self.baseline) if self.baseline is not None else top / (project.baseline or NAME)
        known = read(path) if path.exists() else Baseline()
        for target in targets:
            if not self.write and shlex.join(target) not in known.runs:
                raise unknown(target, bool(self.target), known.runs, path, self.words)
        codes = [self._one(Options(target, **{**usual, **self.options}), path) for target in targets]
        return max(codes, default=0)

    def _one(self, options: Options, path: Path) -> int:
        name = shlex.join(options.target)
        folder = str(path.absolute().parent)
        with streams(self.format != "terminal" and self.file is None, self.quiet) as script:
            session = _session(options, script, self.quiet)
            if session.exit_code:
                how = f": {inline(session.script_error)}" if session.script_error else ""
                say(f"g2: {inline(name)} failed{how}; nothing was compared")
                return 128 - session.exit_code if session.exit_code < 0 else session.exit_code
            fast = speedup(options, script.stdout, script.stderr) if self.tolerance is not None else None
        report = explained(session)
        now = known_run(report, folder, fast)
        # Read again: another g2 may have written the run of another script meanwhile.
        baseline = read(path) if path.exists() else Baseline()
        before = baseline.runs.get(name)
        if before is not None:
            self._tell(options.target, judged := judge(report, before, now, self.tolerance), path)
        else:
            judged = None
            if self.file is not None:
                say(f"g2: there is nothing to compare with yet, so {self.file.name} was not written")
        if self.write:
            kept = replace(now, speedup=before.speedup) if before is not None and now.speedup is None else now
            write(path, baseline.with_run(name, kept))
            what = f"{plural(len(now.breaks), 'break')}, {plural(len(now.recompiles), 'cause')} of recompiling"
            say(f"g2: {path.name} knows {inline(name)}: {what}, {plural(now.graphs, 'graph')}")
            if not (now.roots or now.graphs or now.breaks):
                say(f"g2: nothing was compiled in this run, so the gate guards nothing of {inline(name)}")
            return 0
        return 1 if judged is not None and judged.fails else 0

    def _tell(self, target: tuple[str, ...], judged: Judged, path: Path) -> None:
        """What changed on stderr; what is new, in the form that was asked for, where `g2 explain` shows it; how to
        go on.
        """
        verdict = verdict_of(target, judged, path, writing=self.write)
        say(f"g2: {verdict}")
        machine = self.format != "terminal"
        stream = sys.stdout if machine else sys.stderr
        if self.file is not None:
            self._write(self.file, judged, verdict)
        elif stream is not None and (machine or not judged.report.clean):
            text = drawn(self.format, judged, output_for(stream, self.limit, self.verbose), verdict, self.write)
            encoding = getattr(stream, "encoding", None) or "utf-8"
            stream.write(("" if machine else "\n") + text.encode(encoding, "backslashreplace").decode(encoding))
            stream.flush()
        if judged.fails and not self.write:
            say(f"g2: {ways_on(target, judged, self.words)}")

    def _write(self, file: Path, judged: Judged, verdict: str) -> None:
        text = drawn(self.format, judged, output_for(None, self.limit, self.verbose), verdict, self.write)
        if self.format == "terminal":
            text = f"{verdict}\n" + ("" if judged.report.clean else f"\n{text}")
        try:
            write_report(file, text)
        except OSError as error:
            raise Refusal(f"{file} cannot be written: {error.strerror or error}") from None
        say(f"g2: what is new is in {file.name}")


def _session(options: Options, script: Streams, quiet: bool) -> Session:
    """Run a script as `g2 explain` does; g2 show finds the record. Raises Refusal."""
    store = Store.open()
    if store.note and not quiet:
        say(f"g2: {store.note}")
    with store.new_run(options.target, unusual(options)) as folder:
        try:
            session = run(
                options,
                folder,
                child_stdout=script.stdout,
                child_stderr=script.stderr,
                on_progress=script.show if script.line is not None else None,
            )
            store.save(folder, session)
        except LaunchError as error:
            raise Refusal(str(error), error.hint) from None
        except OSError as error:
            raise Refusal(
                f"the record cannot be written in {folder}: {error.strerror or error}",
                "free some space there, or set G2_HOME to another folder",
            ) from None
    return session
