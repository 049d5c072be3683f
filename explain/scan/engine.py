"""Which functions can be inside a compiled region, and what their parameters hold there: a worklist over all calls.

Each function is held in at most two activations: one for calls inside of a compiled region and one for those outside,
which matter for what they hand in (`model = Net(8)`, `self.block = Block(8)`). What reaches a parameter is joined over
all calls, so the work is bounded: a function is looked at again only when one of its kinds has grown.
"""

from __future__ import annotations

from contextlib import suppress

from g2.explain.scan.evaluate import Evaluation
from g2.explain.scan.invoke import invoke
from g2.explain.scan.parameters import promised
from g2.explain.scan.project import entries
from g2.explain.scan.state import Activation
from g2.explain.scan.values import NOTHING, narrow


class Engine(Evaluation):
    """The worklist."""

    def roots(self) -> None:
        """Begin everywhere a region does."""
        project = self.project
        for number, found in enumerate(project.classes):
            if not self.modules[number]:
                continue
            methods = found.methods or {}
            start = project.files[project.file_of_class[number]].functions
            for entry in entries(self.hierarchy.is_lightning(number)):
                if entry in methods and "d" not in self.marks[start + methods[entry]]:
                    self.root(start + methods[entry], "a module's " + entry, number)
            if "__init__" in methods:
                act = self.activate(start + methods["__init__"], False)
                self.hand(act, 0, frozenset({("V", number)}))
        for file in project.files:
            self.activate(file.functions, False)
        for number, mark in enumerate(self.marks):
            if "c" in mark and "d" not in mark:
                self.root(number, "compiled by a decorator")

    def run(self) -> None:
        """Look at everything until nothing changes."""
        self.roots()
        self._drain()
        self.settled = True
        for act in list(self.acts.values()):
            if None in act.given and NOTHING in act.params:
                self.push(act)
        self._drain()
        # What places need is read as well: that may be an attribute or a property that nothing else reads.
        for act in list(self.acts.values()):
            if act.region:
                self.current = act
                for place in self.project.functions[act.number].places:
                    for value, _ in place[4]:
                        self.value(value, act)
        self._drain()
        self.current = None

    def _drain(self) -> None:
        while self.queue:
            act = self.queue.popleft()
            act.queued = False
            act.times += 1
            self.current = act
            with suppress(RecursionError):
                self.look(act)

    def look(self, act: Activation) -> None:
        """Evaluate one activation's calls, what it stores and what it returns."""
        project = self.project
        function = project.functions[act.number]
        owner_module = function.owner >= 0 and self.modules[self.owner(act.number)]
        act.params = promised(self, act, function, owner_module)
        if len(act.results) != len(function.calls):
            act.results = [NOTHING] * len(function.calls)
        for number, call in enumerate(function.calls):
            act.results[number] = invoke(self, act, call)
        if function.owner >= 0:
            for name, value in function.stores:
                self.store(self.owner(act.number), name, self.value(value, act))
        returns = narrow(act.returns | self.value(function.returns, act))
        if returns != act.returns:
            act.returns = returns
            for reader in act.readers:
                self.push(self.acts[reader])
