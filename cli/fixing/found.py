"""Where a result comes from: what was found out before and still holds, the last record, or new runs of the script."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from g2.capture.launch import LaunchError, Options
from g2.capture.model import Break, Recompile, Session
from g2.cli.app import version
from g2.cli.cures import RESULT
from g2.cli.errors import Refusal, say
from g2.cli.files import write_private
from g2.cli.fixing.progress import Line
from g2.cli.options import unusual
from g2.cli.store import SESSION, Kept, Store, read
from g2.cli.text import inline
from g2.rewrite import plan, writing
from g2.rewrite.change import digest
from g2.rewrite.fix import Result, fix
from g2.rewrite.kept import Kept as KeptResult
from g2.rewrite.kept import KeptError, dump, load
from g2.rewrite.pack import PackError
from g2.rewrite.plan import absolute
from g2.rewrite.runs import Script
from g2.rewrite.source import Source, Unreadable


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be looked at. target: empty for the script of the last record here; again: run it in any case."""

    target: tuple[str, ...]
    options: dict[str, Any]  # of the run, those that are not the usual ones
    only: tuple[str, ...] = ()  # rules
    adopt: bool = False  # also have the script compile what it does not
    again: bool = False
    quiet: bool = False


def found(ask: Ask) -> tuple[Session, Result]:
    """The record and what was found out from it. Raises Refusal."""
    store = Store.open()
    kept = _last(store, ask)
    if kept is not None and not ask.target:
        ask = replace(ask, target=kept.argv, options=ask.options or _plain(kept.options))
    if kept is not None and not ask.again and _plain(kept.options) == ask.options:
        session = read(kept.folder / SESSION)
        known = _known(kept.folder, session)
        if why := _stale(session, known.seen if known else {}):
            if not ask.quiet:
                say(f"g2: {why}; the script is run again")
        elif known is not None and known.adopt == ask.adopt:
            return session, known.result
        else:
            return _searched(store, ask, session, kept.folder)
    return _searched(store, ask, None, None)


def proved(store: Store, target: tuple[str, ...]) -> KeptResult | None:
    """What was found out last for this script in this folder, where it still holds for the files on disk."""
    cwd = str(Path.cwd())
    for run in store.kept():
        if run.complete and run.cwd == cwd and run.argv == target and (run.folder / RESULT).exists():
            session = read(run.folder / SESSION)
            return None if session.exit_code else _known(run.folder, session)
    return None


def _last(store: Store, ask: Ask) -> Kept | None:
    """The last record of this folder that fits. Raises Refusal when one is needed."""
    cwd = str(Path.cwd())
    here = [run for run in store.kept() if run.complete and run.cwd == cwd]
    if ask.target:
        return next((run for run in here if run.argv == ask.target and _plain(run.options) == ask.options), None)
    if not here:
        raise Refusal("no record was made in this folder yet", "g2 fix SCRIPT")
    return here[0]


def _stale(session: Session, seen: Mapping[str, str]) -> str:
    """Why a record does not hold any more, a clause; empty when it does. seen: what its files held."""
    if session.exit_code:
        return "the last run of the script failed"
    if session.python != platform.python_version() or session.torch is None:
        return "the last record is one of another Python"
    try:
        if session.torch.split("+")[0] != importlib.metadata.version("torch").split("+")[0]:
            return f"the last record is one of torch {session.torch}"
    except importlib.metadata.PackageNotFoundError:
        pass
    for path in _files(session):
        try:
            if Path(path).stat().st_mtime > session.started and seen.get(path) != digest(Path(path).read_bytes()):
                return f"{inline(Path(path).name)} has changed since the last record"
        except OSError:
            return f"{inline(Path(path).name)} is gone since the last record"
    return ""


def _files(session: Session) -> set[str]:
    """The source files that a record speaks of."""
    spans = [root.span for root in session.roots]
    places: list[Break | Recompile] = [*session.breaks, *session.recompiles]
    for place in places:
        spans += [place.span, *(frame.span for frame in place.stack)]
    paths = {absolute(span.path, session.cwd) for span in spans if span.path and not span.path.startswith("<")}
    if session.argv and session.argv[0] != "-m":
        paths.add(absolute(session.argv[0], session.cwd))
    return paths


def _seen(session: Session) -> dict[str, str]:
    """What the files of a record hold. One that changed while the script ran is none of them."""
    seen: dict[str, str] = {}
    for path in _files(session):
        with contextlib.suppress(OSError):
            if Path(path).stat().st_mtime <= session.started:
                seen[path] = digest(Path(path).read_bytes())
    return seen


def _known(folder: Path, session: Session) -> KeptResult | None:
    """What was found out from this record before; None when nothing was, or with another text of a file."""
    try:
        text = (folder / RESULT).read_text("utf-8")
        kept = load(text, version(), _sources(plan.script(session.argv, session.cwd)))
        if all(writing.holds(path, sha256, kept.result.state) for path, sha256 in kept.result.fixing.files):
            return kept
    except (OSError, KeptError, UnicodeError, Unreadable):
        pass
    return None


def _searched(store: Store, ask: Ask, session: Session | None, folder: Path | None) -> tuple[Session, Result]:
    """Run the script, as often as it takes. Raises Refusal."""
    options = Options(ask.target, **ask.options)
    with store.new_run(ask.target, unusual(options)) as record, Line(ask.quiet) as line:
        trials = record / "trials"
        trials.mkdir(mode=0o700)
        bench = Script(options, trials, session, on_progress=line.run)

        def on_round(number: int, trying: int, kept: int) -> None:
            _check(bench.session)
            line.round(number, trying, kept)

        try:
            result = fix(bench, ask.only, on_round, _sources(bench.script), ask.adopt)
        except LaunchError as error:
            raise Refusal(str(error), error.hint) from None
        except OSError as error:
            raise Refusal(
                f"the runs of the script cannot be written in {record}: {error.strerror or error}",
                "free some space there, or set G2_HOME to another folder",
            ) from None
        assert bench.session is not None  # fix() makes one
        _check(bench.session)
        try:
            if folder is None:
                store.save(record, bench.session)
            if not ask.only:
                write_private((folder or record) / RESULT, dump(result, version(), _seen(bench.session), ask.adopt))
        except OSError as error:
            say(f"g2: the result could not be kept ({error.strerror or error}); g2 fix --apply runs the script again")
        return bench.session, result


def _check(session: Session | None) -> None:
    """Refuse a script that fails: what it does cannot be compared."""
    if session is None or (session.exit_code <= 0 and session.script_error is None):
        return
    error = inline(session.script_error or "").rstrip(".:") or f"exit code {session.exit_code}"
    raise Refusal(f"the script failed: {error}", "a rewrite is proved on a run that ends well; mend that first")


def _sources(script: str) -> dict[str, Source]:
    """Library files as the script sees them, where it imports a patch pack."""
    try:
        return writing.base(script)
    except (PackError, OSError, Unreadable):
        return {}


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they were before JSON, which knows no tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
