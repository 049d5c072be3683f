"""Child side: how a Python process becomes observed.

`g2-torch.pth` calls start() when G2_RECORD names a folder. Nothing of torch is imported here: a finder on
sys.meta_path lets every import through and calls the observers when `torch` and `torch._dynamo` have been executed,
by whomever. A process that never imports torch writes nothing but the mark that says it was attached.
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

from g2.capture import LOADED
from g2.capture.job import OVERLAY, Job
from g2.capture.journal import Journal
from g2.capture.ourselves import as_ourselves
from g2.capture.probe.stats import Stats

if TYPE_CHECKING:
    from g2.capture.adopt import Adoption

_clock = time.time  # the script may put another in its place
_ROOM = 1000  # Python frames that Dynamo may need where the script, deep in a recursion of its own, calls a model
MARK = "attached"  # a file of this name in the record folder: some process was attached


def start() -> None:
    """Observe this process, writing to the folder that the environment variable G2_RECORD names.

    Never raises into the interpreter's start: a folder that cannot be written is named on stderr and the script runs
    unobserved.
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
    if (folder / OVERLAY).exists():
        from g2.capture import overlay, tracebacks

        overlay.serve(folder)
        tracebacks.install()
    _Recorder(folder, Job.read(folder)).begin()
    _step_aside()


def _step_aside() -> None:
    """Forget modules that we brought and that the script has files of its own for (g2.py, json.py): it must find those.

    Ours stay loaded under their full names, and keep what they imported.
    """
    sys.modules.pop("g2", None)
    folder = _script_folder()
    if sys.flags.safe_path:
        return
    brought = {name.partition(".")[0] for name in sys.modules if name not in LOADED} - {"g2"}
    own = {name for name in brought if any((folder / f"{name}{end}").exists() for end in ("", ".py"))}
    own.discard("runpy")  # frozen into the interpreter, which finds no other
    for name in [n for n in sys.modules if n not in LOADED and n.partition(".")[0] in own]:
        del sys.modules[name]


class _Recorder:
    def __init__(self, folder: Path, job: Job) -> None:
        self.folder = folder
        self.job = job
        self.journal = Journal(folder / f"journal-{os.getpid()}.jsonl")
        self.stats = Stats(self.journal)
        self.began = False  # torch has been imported
        self.version: str | None = None
        self.probed = False
        self.closing: Callable[[], None] | None = None
        self.adoption: Adoption | None = None

    def begin(self) -> None:
        watch = {
            "torch": self.contained(self.torch_imported),
            "torch._dynamo": self.contained(self.dynamo_imported),
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

    def contained(self, after: Callable[[types.ModuleType], None]) -> Callable[[types.ModuleType], None]:
        """`after`, which raises nothing: broken or shadowed packages must fail, or not, as they do without us.

        What went wrong is in the record, so that a report of a run that was not observed never looks clean.
        """

        def told(module: types.ModuleType) -> None:
            try:
                after(module)
            except Exception as error:
                what = f"{module.__name__} is not observed: {type(error).__name__}: {error}"
                self.journal.write({"e": "lost", "what": what})
                if sys.stderr is not None:
                    sys.stderr.write(f"g2: {what}\n")

        return told

    def torch_imported(self, torch: types.ModuleType) -> None:
        self.began = True
        self.version = getattr(torch, "__version__", None)
        self.journal.write(self.introduction())
        if self.version is None or not hasattr(torch, "nn"):
            self.journal.write({"e": "lost", "what": f"{torch.__file__} was imported as torch, and is not PyTorch"})
            return
        from g2.capture import adopt, tracebacks

        tracebacks.install()
        sys.setrecursionlimit(sys.getrecursionlimit() + _ROOM)
        self.adoption = adopt.Adoption(self.job, self.folder, self.journal, self.stats)
        if self.probed:
            self.adoption.dynamo_imported()

    def dynamo_imported(self, _dynamo: types.ModuleType) -> None:
        from g2.capture import probe

        probe.install(self.journal, self.stats)
        self.probed = True
        if self.adoption is not None:
            self.adoption.dynamo_imported()

    def introduction(self) -> dict[str, object]:
        return introduction(self.version)

    def forked(self) -> None:
        self.journal.move(self.folder / f"journal-{os.getpid()}.jsonl", self.introduction if self.began else None)
        self.stats.forked()
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            # Its processes end by os._exit; what it registers after a fork and finalizes at the end is the way in.
            util.register_after_fork(self, lambda me: util.Finalize(None, me.end, exitpriority=-1))

    def end(self) -> None:
        if not self.journal.written:
            return
        error = getattr(sys, "last_value", None)  # set by the interpreter when it printed an uncaught exception
        if error is not None:
            self.journal.write({"e": "error", "type": type(error).__name__, "message": str(error)[:2000]})
        if self.closing is not None:
            self.closing()
        self.stats.flush(force=True)
        self.journal.write({"e": "end", "t": _clock()})


def introduction(torch: str | None) -> dict[str, object]:
    """The first event of a process's journal; `torch` is the version that it uses."""
    env = os.environ
    rank = next((env[k] for k in ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK") if k in env), None)
    return {
        "e": "start",
        "pid": os.getpid(),
        "ppid": os.getppid(),
        "argv": sys.orig_argv[1:],
        "rank": int(rank) if rank is not None and rank.isdigit() else None,
        "python": ".".join(map(str, sys.version_info[:3])),
        "cwd": _cwd(),
        "t": _clock(),
        "torch": torch,
    }


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
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
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
        with as_ourselves():
            self._after(module)


# Python leaves the frames of its import system out of tracebacks, and skips them for warnings; ours is one of them.
_Loader.exec_module.__code__ = _Loader.exec_module.__code__.replace(
    co_filename="<frozen importlib._bootstrap_external>"
)


def _script_folder() -> Path:
    """What sys.path[0] will be once the interpreter has started."""
    words = iter(sys.orig_argv[1:])
    for word in words:
        if word in ("-W", "-X", "--check-hash-based-pycs"):
            next(words, None)
        elif word in ("-", "-m", "-c") or word.startswith(("-m", "-c")):
            break
        elif not word.startswith("-"):
            path = Path(word).resolve()
            return path if path.is_dir() else path.parent
    return Path(_cwd())


def _script() -> str:
    # sys.argv is not set yet when start-up files run; the interpreter's own command line is.
    return next((a for a in sys.orig_argv[1:] if a.endswith(".py")), "")


def _cwd() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # the script's directory was removed
        return ""
