"""Which functions can be inside a compiled region, and what their parameters hold there: a worklist over all calls.

Each function is held in at most two activations: one for calls inside of a compiled region and one for those outside,
which matter for what they hand in (`model = Net(8)`, `self.block = Block(8)`). What reaches a parameter is joined over
all calls, so the work is bounded: a function is looked at again only when one of its kinds has grown.
"""

from __future__ import annotations

from g2.explain.scan.activation import Activation, Site, Uses
from g2.explain.scan.evaluate import Evaluation
from g2.explain.scan.invoke import invoke
from g2.explain.scan.parameters import promised
from g2.explain.scan.project import entries
from g2.explain.scan.values import NOTHING, narrow


class Engine(Evaluation):
    """The worklist."""

    def roots(self) -> None:
        """Begin everywhere a region does."""
        project = self.project
        for file in project.files:
            self.activate(file.functions, False)
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
                self.again(act.head)
        self._drain()
        # What places need is read as well: that may be an attribute or a property that nothing else reads.
        for act in list(self.acts.values()):
            if act.region:
                self.current = act.end
                for place in act.function.places:
                    for value, _ in place[4]:
                        self.value(value, act)
        self._drain()
        self.current = None

    def _drain(self) -> None:
        while self.outside or self.inside:
            act = (self.outside or self.inside).popleft()
            act.queued = False
            act.times += 1
            try:  # noqa: SIM105  entered tens of thousands of times
                self.look(act)
            except RecursionError:
                pass

    def look(self, act: Activation) -> None:
        """Evaluate what is stale of one activation: its parameters, its calls, what it stores and what it returns."""
        if act.uses is None and act.times > 1:
            act.uses = Uses(act)
        uses = act.uses
        if act.head.stale:
            self._begin(act.head)
            before, act.params = act.params, promised(self, act)
            if uses is not None:
                for readers, old, new in zip(uses.params, before, act.params, strict=False):
                    if old != new:
                        for site in readers:
                            site.stale = True
        moved = False
        for number, site in enumerate(act.sites):
            if site.stale and site.call is not None:
                self._begin(site)
                result = invoke(self, act, site.call)
                if result != act.results[number]:
                    act.results[number] = result
                    moved = True
                    for reader in uses.calls[number] if uses is not None else ():
                        reader.stale = True
        if act.end.stale:
            self._begin(act.end)
            self._leave(act)
        if moved and act.number == act.file.functions:
            for reader in act.readers:  # of a module's variables
                self.again(reader)

    def _begin(self, site: Site) -> None:
        site.stale = site.passes  # what an inner function reads is handed to whichever activations there are by now
        self.current = site

    def _leave(self, act: Activation) -> None:
        """What it stores, and what it returns."""
        function = act.function
        if act.owner >= 0:
            for name, value in function.stores:
                self.store(act.owner, name, self.value(value, act))
        found = self.value(function.returns, act)
        if found <= act.returns:
            return
        returns = narrow(act.returns | found)
        if returns != act.returns:
            act.returns = returns
            for reader in act.readers:
                self.again(reader)
