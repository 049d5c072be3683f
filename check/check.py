"""`g2 check` as a function: runs of the script with its calls examined, stages on what they left, and a Check of it
all.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Event

from g2.capture import launch
from g2.capture.model import Session
from g2.capture.tail import Progress
from g2.check import fold
from g2.check.asked import NO_GRAD_IN_GRAPHS, Asked
from g2.check.devices import NATIVE
from g2.check.model import Check
from g2.check.stages import Examinations, side_by_side, stage

WITNESS = "g2.check.child.witness"
_STAGES = (("interpret", "interpreted"), ("assemble", "assembled"))
_CHILD = "g2.check.child"
_MORE = 30.0  # seconds that a stage may take beyond its own limit


@dataclass(frozen=True, slots=True)
class Overlay:
    """Proved rewrites, as text for the files that they change; rewrites: how many; differs: what they say they may do
    otherwise, as of rewrite/model.Proposal.
    """

    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    rewrites: int = 0
    differs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Checking:
    """A check of one script. folder: private and empty, left full. fixed: served in a second run of the script.

    on_progress: told how far a run is; doing: what is done after it, in words.
    """

    options: launch.Options
    folder: Path
    asked: Asked
    fixed: Overlay = field(default_factory=Overlay)
    on_progress: Callable[[Progress], None] = lambda progress: None
    doing: Callable[[str], None] = lambda text: None

    def run(self, stdout: int | None = None, stderr: int | None = None) -> Session:
        """Run the script as it is; descriptors for its streams, None inherits ours. What it leaves behind waits to be
        examined, until finish() or drop(). Raises launch.LaunchError, OSError.
        """
        return self._run(self._as_is, self.options, self.asked, stdout, stderr)

    def finish(self, session: Session, version: str) -> Check:
        """Examine what was left; a KeyboardInterrupt ends that, and what is done by then is the check. version: of g2.
        Raises launch.LaunchError, OSError.
        """
        began = time.time()
        notes = self._notes()
        interrupted = False
        try:
            notes += self._examined(session)
        except KeyboardInterrupt:
            self.drop()
            notes.append("It was interrupted: what was done by then is shown.")
            interrupted = True
        ran, whole = fold.spent(self._as_is)
        return Check(
            g2=version,
            argv=session.argv,
            cwd=session.cwd,
            exit_code=session.exit_code,
            python=session.python,
            torch=session.torch,
            triton=_version("triton"),
            device=session.device,
            targets=self.asked.targets,
            started=session.started,
            seconds=round(session.seconds + time.time() - began, 1),
            calls=fold.merged(fold.calls(self._as_is), fold.calls(self.folder / "fixed")),
            operators=fold.operators(self._as_is),
            lost=session.lost,
            script_error=session.script_error,
            overhead=round(whole / ran, 2) if ran else None,
            notes=tuple(notes),
            captured=bool(session.graphs),
            interrupted=interrupted,
        )

    def _examined(self, session: Session) -> list[str]:
        """Do all that is left to do. What there is to note of it."""
        notes: list[str] = []
        self._wait(self._as_is)
        if self.fixed.files and session.exit_code == 0 and {"correct", "speed"} & set(self.asked.parts):
            again = self._fixed()
            if again.exit_code:
                notes.append(f"With the proved rewrites in place the script ended with exit code {again.exit_code}.")
        side_by_side([partial(self._stages, graph) for graph in self._graphs()])
        for graph in self._graphs():  # one after another: two would share the device
            if NATIVE in self._made(graph):
                tell = partial(self.doing, f"measure {graph.name}")
                stage(f"{_CHILD}.measure", [str(graph)], self.asked.seconds, tell, Event())
        return notes

    def drop(self) -> None:
        """End everything that still examines."""
        for folder in (self._as_is, self.folder / "fixed"):
            Examinations(folder).stop()

    @property
    def _as_is(self) -> Path:
        return self.folder / "compiled"

    def _notes(self) -> list[str]:
        if not self.fixed.rewrites:
            return []
        many = "1 proved rewrite" if self.fixed.rewrites == 1 else f"{self.fixed.rewrites} proved rewrites"
        notes = [f"`fixed` is the script with {many} of the last g2 fix in place; nothing was written."]
        if NO_GRAD_IN_GRAPHS in self.fixed.differs:
            notes.append(
                "A proved rewrite says that something requires no gradient in a compiled call, so for `fixed` it does "
                "not count where a result requires none."
            )
        return notes

    def _run(
        self, folder: Path, options: launch.Options, asked: Asked, stdout: int | None, stderr: int | None
    ) -> Session:
        folder.mkdir(mode=0o700)
        asked.write(folder)
        return launch.run(
            replace(options, once=True, witness=WITNESS),
            folder,
            child_stdout=stdout,
            child_stderr=stderr,
            on_progress=self.on_progress,
        )

    def _wait(self, folder: Path) -> None:
        Examinations(folder).wait(self.doing)

    def _fixed(self) -> Session:
        folder = self.folder / "fixed"
        options = replace(self.options, overlay=self.fixed.files)
        with Path(os.devnull).open("wb") as nowhere:
            out = nowhere.fileno()
            asked = replace(self.asked, variant="fixed", differs=tuple(sorted(self.fixed.differs)))
            session = self._run(folder, options, asked, out, out)
        if launch.interrupted(session, options):
            raise KeyboardInterrupt
        self._wait(folder)
        return session

    def emit(self, to: Path) -> tuple[str, ...]:
        """Write each graph's kernels to a folder as Python modules that run by themselves. Returns a sentence for each
        one that could not be. Raises OSError.
        """
        wrong: list[str] = []

        def write(graph: Path, target: str, stop: Event) -> None:
            name = f"{graph.parent.name.rpartition('-')[2]}-{graph.name}-{target}"
            words = [str(graph), "--target", target, "--to", str(to.absolute()), "--name", f"call{name}"]
            tell = partial(self.doing, f"write {target}, {graph.name}")
            if why := stage(f"{_CHILD}.emit", words, self.asked.seconds, tell, stop):
                wrong.append(f"Of {graph.name} for {target} no module was written: {why}")

        to.mkdir(parents=True, exist_ok=True)
        side_by_side([partial(write, graph, target) for graph in self._graphs() for target in self._made(graph)])
        return tuple(sorted(wrong))

    def _graphs(self) -> list[Path]:
        return sorted(path.parent for path in self._as_is.glob("check-*-*/g*/graph.json"))

    def _made(self, graph: Path) -> list[str]:
        """The targets that a graph was brought to."""
        return [target for target in self.asked.targets if (graph / target / "module.py").exists()]

    def _stages(self, graph: Path, stop: Event) -> None:
        """Interpret and assemble the kernels of one graph, for each target. What failed is written where they write."""
        for target in self._made(graph):
            for name, left in _STAGES:
                tell = partial(self.doing, f"{name} {target}, {graph.name}")
                words = [str(graph), "--target", target, "--seconds", f"{self.asked.seconds:g}"]
                why = stage(f"{_CHILD}.{name}", words, self.asked.seconds + _MORE, tell, stop)
                path = graph / target / f"{left}.json"
                if why and not path.exists():
                    path.write_text(json.dumps({"outcome": "", "why": why, "kernels": {}}), "utf-8")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
