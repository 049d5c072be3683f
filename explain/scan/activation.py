"""Activations: a function inside or outside of compiled regions, and the sites in it that are looked at.

What changed somewhere concerns single sites. So the unit of the worklist is the activation, but of one that is looked
at again only the stale sites are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import starmap
from typing import TypeAlias

from g2.explain.scan.facts import Call, Function
from g2.explain.scan.project import File
from g2.explain.scan.reads import Reads
from g2.explain.scan.values import NOTHING, Kind


class Site:
    """A part of an activation: its parameters (`call` is None), a call, or what it stores and returns (the same)."""

    __slots__ = ("act", "call", "passes", "stale")

    def __init__(self, act: Activation, call: Call | None = None) -> None:
        self.act = act
        self.call = call
        self.stale = True
        self.passes = call is not None and isinstance(call.callee, tuple) and call.callee[0] == "capture"


class Uses:
    """Which sites of an activation read a parameter, and which the result of a call."""

    __slots__ = ("calls", "params")

    def __init__(self, act: Activation) -> None:
        self.params: list[list[Site]] = [[] for _ in act.given]
        self.calls: list[list[Site]] = [[] for _ in act.sites]
        for number, (site, reads) in enumerate(zip((*act.sites, act.end), act.function.reads, strict=True)):
            self._add(site, reads)
            if site is not act.end and reads[1] >> number:
                site.stale = True  # it reads the result of a later one, from the round of a loop before

    def _add(self, site: Site, reads: Reads) -> None:
        for lists, mask in zip((self.params, self.calls), reads, strict=True):
            while mask:
                lowest = mask & -mask
                lists[lowest.bit_length() - 1].append(site)
                mask ^= lowest


Readers: TypeAlias = dict[Site, None]  # a set that keeps its order


@dataclass(slots=True, eq=False)
class Activation:
    """A function, inside or outside of compiled regions."""

    number: int
    region: bool
    function: Function
    file: File
    owner: int  # the number of its class, -1 without one
    given: list[Kind | None]  # what calls hand in; None where none did
    sites: list[Site] = field(init=False)  # its calls
    head: Site = field(init=False)  # its parameters
    end: Site = field(init=False)  # what it stores and returns
    uses: Uses | None = None  # not before it is looked at again
    params: list[Kind] = field(default_factory=list[Kind])
    results: list[Kind] = field(init=False)
    returns: Kind = NOTHING
    readers: Readers = field(default_factory=dict[Site, None])
    via: tuple[Activation, int, int] | None = None  # the first call that led here: caller, line, column
    root: str = ""  # why it is compiled, when it is where a region begins
    queued: bool = False
    times: int = 0

    def __post_init__(self) -> None:
        self.sites = [Site(self, call) for call in starmap(Call, self.function.calls)]
        self.head, self.end = Site(self), Site(self)
        self.results = [NOTHING] * len(self.sites)
