"""Child side: how a Python process becomes observed.

`g2-torch.pth` calls start() when G2_RECORD names a folder. Nothing of torch is imported here: a finder on sys.meta_path lets
every import through and calls the observers when `torch` and `torch._dynamo` have been executed, by whomever. A process that
never imports torch writes nothing but the mark that says it was attached.
"""

from __future__ import annotations

import atexit
import importlib.machinery
import os
import sys
import time
import types
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

from g2.capture.job import Job
from g2.capture.journal import Journal
from g2.capture.probe.stats import Stats

if TYPE_CHECKING:
    from g2.capture.adopt import Adoption

MARK = "attached"  # a file of this name in the record folder: some process was attached


def start() -> None:
    """Observe this process, writing to the folder that the environment variable G2_RECORD names.

    Never raises into the interpreter's start: a folder that cannot be written is named on stderr and the script runs unobserved.
    """
    folder = Path(os.environ["G2_RECORD"])
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / MARK).touch(mode=0o600)
    except OSError as error:
        sys.stderr.write(f"g2: not recording, the folder {folder} cannot be written: {error.strerror}\n")
        return
    folder = folder.resolve()
    os.environ["G2_RECORD"] = str(folder)  # the script may change its directory and start others
    _Recorder(folder, Job.read(folder)).begin()
    # `import g2` in the script must find the script's own g2.py, if it has one; our packages stay loaded under their full names.
    sys.modules.pop("g2", None)


class _Recorder:
    def __init__(self, folder: Path, job: Job) -> None:
        self.folder = folder
        self.job = job
        self.journal = Journal(folder / f"journal-{os.getpid()}.jsonl")
        self.stats = Stats(self.journal)
        self.began = False
        self.probed = False
        self.closing: Callable[[], None] | None = None
        self.adoption: Adoption | None = None

    def begin(self) -> None:
        watch: dict[str, Callable[[types.ModuleType], None]] = {
            "torch": self.torch_imported,
            "torch._dynamo": self.dynamo_imported,
        }
        sys.meta_path.insert(0, _Watch(watch))
        atexit.register(self.end)
        os.register_at_fork(after_in_child=self.forked)
        for name in watch:
            if name in sys.modules:
                watch[name](sys.modules[name])
        if self.job.compile:
            from g2.capture import named

            self.closing = named.watch(self.job.compile, self.journal, Path(_script()).stem)

    def torch_imported(self, torch: types.ModuleType) -> None:
        from g2.capture import adopt

        self.introduce(torch.__version__)
        self.adoption = adopt.Adoption(self.job, self.folder, self.journal, self.stats)
        if self.probed:
            self.adoption.dynamo_imported()

    def dynamo_imported(self, _dynamo: types.ModuleType) -> None:
        from g2.capture import probe

        probe.install(self.journal, self.stats)
        self.probed = True
        if self.adoption is not None:
            self.adoption.dynamo_imported()

    def introduce(self, version: str) -> None:
        env = os.environ
        rank = next((env[k] for k in ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK") if k in env), None)
        self.journal.write(
            {
                "e": "start",
                "pid": os.getpid(),
                "ppid": os.getppid(),
                "argv": sys.orig_argv[1:],
                "rank": int(rank) if rank is not None and rank.isdigit() else None,
                "python": ".".join(map(str, sys.version_info[:3])),
                "cwd": _cwd(),
                "t": time.time(),
                "torch": version,
            }
        )
        self.began = True

    def forked(self) -> None:
        self.journal.move(self.folder / f"journal-{os.getpid()}.jsonl")
        self.began = False

    def end(self) -> None:
        if not self.began:
            return
        error = getattr(sys, "last_value", None)  # set by the interpreter when it printed an uncaught exception
        if error is not None:
            self.journal.write({"e": "error", "type": type(error).__name__, "message": str(error)[:2000]})
        if self.closing is not None:
            self.closing()
        self.stats.flush(force=True)
        self.journal.write({"e": "end", "t": time.time()})


class _Watch(MetaPathFinder):
    """Calls back after the modules named have been executed; finds nothing itself."""

    def __init__(self, after: Mapping[str, Callable[[types.ModuleType], None]]) -> None:
        self.after = after

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self.after:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, self.after[fullname])
                return spec
        return None


class _Loader(Loader):
    def __init__(self, real: Any, after: Callable[[types.ModuleType], None]) -> None:
        self._real = real
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        made: types.ModuleType | None = self._real.create_module(spec)
        return made

    def exec_module(self, module: types.ModuleType) -> None:
        module.__loader__ = self._real
        if module.__spec__ is not None:
            module.__spec__.loader = self._real
        self._real.exec_module(module)
        self._after(module)


def _script() -> str:
    # sys.argv is not set yet when start-up files run; the interpreter's own command line is.
    return next((a for a in sys.orig_argv[1:] if a.endswith(".py")), "")


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError:  # the script's directory was removed
        return ""
