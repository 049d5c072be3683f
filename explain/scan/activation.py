"""Activations: a function inside or outside of compiled regions, and the sites in it that are looked at.

What changed somewhere concerns single sites. So the unit of the worklist is the activation, but of one that is looked
at again only the stale sites are.
"""

from __future__ import annotations

from itertools import starmap
from typing import TypeAlias

from g2.explain.scan.facts import Call, Function
from g2.explain.scan.project import File
from g2.explain.scan.reads import Reads, reads
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
        for number, (site, read) in enumerate(zip((*act.sites, act.end), reads(act.function), strict=True)):
            self._add(site, read)
            if site is not act.end and read[1] >> number:
                site.stale = True  # it reads the result of a later one, from the round of a loop before

    def _add(self, site: Site, read: Reads) -> None:
        for lists, named in zip((self.params, self.calls), read, strict=True):
            # A default may name a parameter of the function around this one, and super() a first one that is not there.
            mask = named & ((1 << len(lists)) - 1)
            while mask:
                lowest = mask & -mask
                lists[lowest.bit_length() - 1].append(site)
                mask ^= lowest


Readers: TypeAlias = dict[Site, None]  # a set that keeps its order


class Activation:
    """A function, inside or outside of compiled regions."""

    __slots__ = (
        "end",
        "file",
        "function",
        "given",
        "head",
        "number",
        "owner",
        "params",
        "queued",
        "readers",
        "region",
        "results",
        "returns",
        "root",
        "sites",
        "times",
        "uses",
        "via",
    )

    def __init__(self, number: int, region: bool, function: Function, file: File) -> None:
        self.number = number
        self.region = region
        self.function = function
        self.file = file
        self.owner = file.classes + function.owner if function.owner >= 0 else -1  # the number of its class
        # What calls hand in; None where none did.
        self.given: list[Kind | None] = [None] * (len(function.params) + len(function.captured))
        self.sites = [Site(self, call) for call in starmap(Call, function.calls)]
        self.head = Site(self)  # its parameters
        self.end = Site(self)  # what it stores and returns
        self.uses: Uses | None = None  # not before it is looked at again
        self.params: list[Kind] = []
        self.results: list[Kind] = [NOTHING] * len(self.sites)
        self.returns: Kind = NOTHING
        self.readers: Readers = {}
        self.via: tuple[Activation, int, int] | None = None  # the first call that led here: caller, line, column
        self.root = ""  # why it is compiled, when it is where a region begins
        self.queued = False
        self.times = 0
