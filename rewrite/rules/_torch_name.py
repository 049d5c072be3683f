"""How a file names torch: "torch", "th" after `import torch as th`, and the import to add where it does not."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from g2.rewrite.source import Source

_FUNCTIONAL = "torch.nn.functional"


@dataclass(frozen=True, slots=True)
class TorchNames:
    """Names at the top of a file: `torch` for the package, `functional` for torch.nn.functional ("" where it has none).

    imports: statements to put into FileEdits.imports when `torch` is used.
    members: names imported from torch or torch.nn.functional, such as "where" or "relu", to their dotted names.
    """

    torch: str
    functional: str
    imports: tuple[str, ...]
    members: dict[str, str]

    def dotted(self, name: str) -> str:
        """A name as written in the file, by torch's own: "F.relu" is "torch.nn.functional.relu"; others stay."""
        head, _, tail = name.partition(".")
        if head in self.members:
            head = self.members[head]
        elif self.functional and head == self.functional:
            head = _FUNCTIONAL
        elif head == self.torch:
            head = "torch"
        return f"{head}.{tail}" if tail else head


def torch_names(source: Source) -> TorchNames:
    """What the file's own top-level imports give. Imports in functions are not looked at."""
    torch, functional, members = "", "", {}
    taken = set()
    for node in top(source.tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                bound = name.asname or name.name.partition(".")[0]
                if name.name == "torch" or (name.name.startswith("torch.") and not name.asname):
                    torch = torch or bound
                elif name.name == _FUNCTIONAL:
                    functional = bound
                else:
                    taken.add(bound)
                    if name.name.startswith("torch."):
                        members[bound] = name.name
        elif isinstance(node, ast.ImportFrom):
            for name in node.names:
                bound = name.asname or name.name
                module = node.module or ""
                if not node.level and module == "torch.nn" and name.name == "functional":
                    functional = bound
                elif not node.level and (module == "torch" or module.startswith("torch.")):
                    members[bound] = f"{module}.{name.name}"
                else:
                    taken.add(bound)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
            taken.add(node.name)
        elif isinstance(node, ast.Assign):
            taken.update(target.id for target in node.targets if isinstance(target, ast.Name))
    if torch:
        return TorchNames(torch, functional, (), members)
    if "torch" in taken:
        return TorchNames("th", functional, ("import torch as th",), members)
    return TorchNames("torch", functional, ("import torch",), members)


def top(tree: ast.Module) -> list[ast.stmt]:
    """Statements at the top, those in `try` and `if` there with them."""
    found: list[ast.stmt] = []
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop(0)
        found.append(node)
        if isinstance(node, ast.If):
            waiting = [*node.body, *node.orelse, *waiting]
        elif isinstance(node, ast.Try):
            waiting = [*node.body, *(s for h in node.handlers for s in h.body), *node.orelse, *waiting]
    return found
