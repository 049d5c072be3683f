"""What `g2 check` runs: the script that was named or the last one here, and the rewrites that g2 fix proved for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from g2.capture.launch import LaunchError, Options
from g2.capture.model import Session
from g2.check.asked import Asked
from g2.check.check import Checking, Overlay
from g2.check.model import Call, Check
from g2.cli.app import version
from g2.cli.checking.kept import keep
from g2.cli.checking.sentences import lowered
from g2.cli.errors import Refusal, say
from g2.cli.fixing.found import proved
from g2.cli.fixing.progress import Line
from g2.cli.options import unusual
from g2.cli.progress import streams
from g2.cli.store import Store
from g2.rewrite import writing

_REPROS = "repro"  # beside the record: scripts that show what is wrong


@dataclass(frozen=True, slots=True)
class Ask:
    """target: empty for the script of the last record here. options: of the run, those that are not the usual ones."""

    target: tuple[str, ...]
    options: dict[str, Any]
    asked: Asked
    targets: tuple[str, ...] = ()  # as the person named them
    machine: bool = False  # the report goes to stdout
    quiet: bool = False
    emit: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """A check, the record that it belongs to, and the folder of that."""

    session: Session
    check: Check
    record: Path


def checked(ask: Ask) -> Checked:
    """Run the script and check it. Raises Refusal."""
    store = Store.open()
    if store.note and not ask.quiet:
        say(f"g2: {store.note}")
    ask = _whole(store, ask)
    options = Options(ask.target, **ask.options)
    fixed = _fixed(store, ask)
    with store.new_run(ask.target, unusual(options)) as record:
        work = record / "check"
        work.mkdir(mode=0o700)
        with _refusing(record), _ended(checking := Checking(options, work, ask.asked, fixed)):
            with streams(ask.machine, ask.quiet) as script:
                session = replace(checking, on_progress=script.show).run(script.stdout, script.stderr)
            with Line(ask.quiet) as line:
                quiet = replace(checking, on_progress=line.run, doing=line.doing)
                check = quiet.finish(session, version())
                if ask.emit and not check.interrupted and any(one.module for _, one in lowered(check)):
                    notes = quiet.emit(Path(ask.emit))
                    check = replace(check, emitted=ask.emit, notes=(*check.notes, *notes))
                elif ask.emit and not check.interrupted:
                    note = f"Nothing was written to {ask.emit}: no graph became kernels."
                    check = replace(check, notes=(*check.notes, note))
            check = replace(check, targets=ask.targets)
            check = _with_repros(record, check)
        _keep(store, record, session, check)
    return Checked(session, check, record)


def _whole(store: Store, ask: Ask) -> Ask:
    """With the target of the last record here, where none was named."""
    if ask.target:
        return ask
    cwd = str(Path.cwd())
    last = next((run for run in store.kept() if run.complete and run.cwd == cwd), None)
    if last is None:
        raise Refusal("no record was made in this folder yet", "g2 check SCRIPT")
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in last.options.items()}
    given.pop("once", None)
    given.pop("backend", None)
    return replace(ask, target=last.argv, options={**given, **ask.options})


def _fixed(store: Store, ask: Ask) -> Overlay:
    found = proved(store, ask.target)
    if found is None or not found.result.fixing.offers:
        return Overlay()
    texts = found.result.state.changed()
    files = {path: text.data() for path, text in texts.items()}
    offers = found.result.fixing.offers
    differs = frozenset[str]().union(*(one.proposal.differs for one in offers))
    return Overlay(files | writing.pack_without(found.result.fixing.script, texts), len(offers), differs)


@contextmanager
def _refusing(record: Path) -> Iterator[None]:
    try:
        yield
    except LaunchError as error:
        raise Refusal(str(error), error.hint) from None
    except OSError as error:
        raise Refusal(
            f"the check cannot be written in {record}: {error.strerror or error}",
            "free some space there, or set G2_HOME to another folder",
        ) from None


@contextmanager
def _ended(checking: Checking) -> Iterator[None]:
    try:
        yield
    finally:
        checking.drop()


def _keep(store: Store, record: Path, session: Session, check: Check) -> None:
    try:
        store.save(record, session, [_REPROS])
        keep(record, check)
    except OSError as error:
        say(f"g2: the check could not be kept ({error.strerror or error}); g2 show will not find it")


def _with_repros(record: Path, check: Check) -> Check:
    """With the scripts that show what is wrong where they stay as long as the record does."""
    calls: list[Call] = []
    for call in check.calls:
        wrong = [replace(one, repro=_stays(record, one.repro)) if one.repro else one for one in call.wrong]
        calls.append(replace(call, wrong=tuple(wrong)))
    return replace(check, calls=tuple(calls))


def _stays(record: Path, script: str) -> str:
    """What is called like it, the inputs, goes with it."""
    path = Path(script)
    stays = record / _REPROS / f"{len(list((record / _REPROS).glob('*'))) + 1}"
    stays.mkdir(mode=0o700, parents=True)
    for file in path.parent.glob(f"{path.stem}.*"):
        shutil.copy(file, stays)
    return str(stays / path.name)
