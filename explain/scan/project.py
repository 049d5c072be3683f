"""All files together: which module a dotted name is in, which classes are modules, where a method comes from."""

from __future__ import annotations

from dataclasses import dataclass, field

from g2.explain.scan.facts import Class, Facts, Function
from g2.explain.scan.tables import MODULE_BASES

_ENTRIES = ("forward", "training_step", "validation_step", "test_step", "predict_step")
_LIGHTNING = ("LightningModule",)


@dataclass(slots=True)
class File:
    """One file and where its functions and classes begin in the project's lists."""

    path: str
    module: str
    package: bool
    facts: Facts
    functions: int
    classes: int


@dataclass(slots=True)
class Project:
    """Everything that is scanned."""

    files: list[File] = field(default_factory=list[File])
    functions: list[Function] = field(default_factory=list[Function])
    classes: list[Class] = field(default_factory=list[Class])
    file_of: list[int] = field(default_factory=list[int])  # of a function
    file_of_class: list[int] = field(default_factory=list[int])
    modules: dict[str, int] = field(default_factory=dict[str, int])
    folders: set[str] = field(default_factory=set[str])  # packages without an __init__.py

    def add(self, path: str, facts: Facts) -> None:
        """One more file."""
        number = len(self.files)
        module = path.removesuffix(".py").replace("/", ".")
        package = module.endswith(".__init__") or module == "__init__"
        module = module.removesuffix("__init__").removesuffix(".")
        self.files.append(File(path, module, package, facts, len(self.functions), len(self.classes)))
        self.functions += facts.functions
        self.classes += facts.classes
        self.file_of += [number] * len(facts.functions)
        self.file_of_class += [number] * len(facts.classes)

    def settle(self) -> None:
        """When all files are there: which modules there are, by the name they have below their topmost package."""
        packages = {file.module for file in self.files if file.package}
        for number, file in enumerate(self.files):
            self.modules.setdefault(file.module, number)
        for number, file in enumerate(self.files):
            parts = file.module.split(".")
            start = len(parts) - 1 if not file.package else len(parts)
            while start > 0 and ".".join(parts[:start]) in packages:
                start -= 1
            top = start if not file.package else max(start, 0)
            if 0 < top < len(parts):
                self.modules.setdefault(".".join(parts[top:]), number)
        for name in self.modules:
            while name := name.rpartition(".")[0]:
                self.folders.add(name)

    def absolute(self, file: File, name: str) -> str:
        """A dotted name without leading dots, as it is read in this file."""
        if not name.startswith("."):
            return name
        dots = len(name) - len(name.lstrip("."))
        rest = name[dots:]
        if dots == 1:
            return f"{file.module}:{rest}"
        parts = file.module.split(".") if file.module else []
        up = dots - 1 - (1 if file.package else 0)
        base = parts[: len(parts) - up] if up <= len(parts) else []
        return ".".join(base) + rest if rest.startswith(":") or not base else ".".join([*base, rest])

    def split(self, file: File, name: str) -> tuple[int, list[str]] | None:
        """The file that a dotted name leads into, and what is left of the name."""
        if not name.startswith("."):
            beside = file.module.rpartition(".")[0] if not file.package else file.module
            if beside:
                found = self._split(f"{beside}.{name}")
                if found is not None and (found[0] != self.modules.get(beside)):
                    return found
        return self._split(self.absolute(file, name))

    def _split(self, name: str) -> tuple[int, list[str]] | None:
        head, _, tail = name.partition(":")
        path = head.split(".") if head else []
        parts = [*path, *(tail.split(".") if tail else [])]
        # Before the colon are modules and nothing else.
        found = self._walk(parts, len(path) if tail else 0)
        if found is None and "" in self.modules:
            # What is scanned is a package itself, or a folder of modules: its own name comes first in imports.
            found = self._walk(parts[1:], max(len(path) - 1, 0) if tail else 0) if len(parts) > 1 else None
            return found or (self.modules[""], parts)
        return found

    def _walk(self, parts: list[str], modules: int) -> tuple[int, list[str]] | None:
        """From package to package, until a name is one of a module's own and not a module below it."""
        held: int | None = None
        for end, part in enumerate(parts):
            if held is not None and end >= modules:
                mine = self.files[held].facts.names.get(part)
                if mine is not None and not self._is_below(held, mine, ".".join(parts[: end + 1])):
                    return held, parts[end:]
            below = self.modules.get(".".join(parts[: end + 1]))
            if below is None:
                if held is not None:
                    return held, parts[end:]
                if ".".join(parts[: end + 1]) not in self.folders:
                    return None
            held = below
        return (held, []) if held is not None else None

    def _is_below(self, number: int, value: object, name: str) -> bool:
        """Whether a package's name is only the module below it (`from . import name`)."""
        return (
            isinstance(value, tuple)
            and value[0] == "g"
            and self.absolute(self.files[number], value[1]).replace(":", ".") == name
        )


@dataclass(slots=True)
class Hierarchy:
    """Classes and what they derive from."""

    orders: list[list[int]]  # of each class: itself and its bases that are scanned, nearest first
    outside: list[set[str]]  # of each class: names of bases that are not
    children: list[list[int]]

    def is_module(self, number: int, classes: list[Class]) -> bool:
        """Whether instances are nn.Modules."""
        names = self.outside[number]
        if any(name in MODULE_BASES or (name.startswith("torch.nn.") and "Parameter" not in name) for name in names):
            return True
        if any(name.startswith(("torch.autograd", "torch.fx", "torch.distributions")) for name in names):
            return False
        if any(name.rpartition(".")[2] in {"LightningModule", "PreTrainedModel", "ModelMixin"} for name in names):
            return True
        unknown = [name for name in names if not name.startswith(("torch.", "builtins.")) and _module_like(name)]
        return bool(unknown) and any("forward" in (classes[base].methods or {}) for base in self.orders[number])

    def is_lightning(self, number: int) -> bool:
        """Whether instances are LightningModules."""
        return any(name.rpartition(".")[2] in _LIGHTNING for name in self.outside[number])


def _module_like(name: str) -> bool:
    last = name.rpartition(".")[2]
    return any(
        word in last for word in ("Module", "Model", "Layer", "Net", "Loss", "Block", "Attention", "Encoder", "Decoder")
    )


def entries(lightning: bool) -> tuple[str, ...]:
    """The methods that are compiled when a module is called."""
    return _ENTRIES if lightning else _ENTRIES[:1]


def ordered(number: int, bases: list[list[int]]) -> list[int]:
    """A class and its bases, nearest first."""
    out: list[int] = []
    waiting = [number]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop(0)
        if each in seen or len(out) > 60:
            continue
        seen.add(each)
        out.append(each)
        waiting = [*bases[each], *waiting]
    return out
