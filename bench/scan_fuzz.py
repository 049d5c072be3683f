"""Throw broken and strange source at the static scan: python bench/scan_fuzz.py [--seconds N] [--seed N] [FOLDER...].

Files of the folders (default: the installed torch and this checkout) are changed at random: characters, tokens and
lines taken away, doubled, swapped and put in from elsewhere, indentation shifted, pieces nested thousands of levels
deep. A few of them, changed or not, are scanned as one project. The scan must not raise, must end within a time that is
linear in the text, must give the same result again, must name places that exist, and must leave no file out for a fault
of its own. Of what fails in the same way, the first project is kept.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import signal
import sys
import time
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import StringIO
from pathlib import Path
from types import FrameType

from g2.explain.scan.model import Scan, SourceFile
from g2.explain.scan.scan import scan

_PER_MB = 60  # seconds of processors that a megabyte may take, on a machine that does other things, too
_LEAST = 5
_STRANGE = [
    "\0",
    "\ufeff",
    "\u202e",
    "é",
    "\t",
    "\r",
    "\x0c",
    "\\\n",
    "(",
    "]",
    "'''",
    '"',
    "#",
    ":",
    "*",
    "**",
    "@",
    ":=",
]
_STRANGE += ["lambda x: ", "await ", "yield ", "match x:\n case 1: pass\n"]


class TooLong(Exception):
    """The scan took more time than its text allows."""


def texts(folders: Sequence[Path], rng: random.Random) -> Iterator[str]:
    """Endless sources, in no order."""
    files = [file for folder in folders for file in folder.rglob("*.py") if file.stat().st_size < 60_000]
    if not files:
        raise SystemExit("no Python files there")
    while True:
        yield rng.choice(files).read_text(encoding="utf-8", errors="replace")


def tokens(text: str) -> list[str]:
    """The text cut where tokens are, as far as it can be told."""
    try:
        found = [token.string for token in tokenize.generate_tokens(StringIO(text).readline) if token.string]
    except (tokenize.TokenError, SyntaxError):
        found = text.split(" ")
    return found or [text]


def changed(text: str, other: str, rng: random.Random) -> str:
    """The text with one kind of damage."""
    lines = text.splitlines(keepends=True) or [""]
    at = rng.randrange(len(lines))
    match rng.randrange(9):
        case 0:  # characters put in
            place = rng.randrange(len(text) + 1)
            return text[:place] + rng.choice(_STRANGE) + text[place:]
        case 1:  # characters taken away
            place = rng.randrange(len(text) + 1)
            return text[:place] + text[place + rng.randrange(1, 30) :]
        case 2:  # a line taken away, doubled or moved
            return "".join([*lines[:at], *(lines[at : at + 1] * rng.randrange(3)), *lines[at + 1 :]])
        case 3:  # an indentation shifted
            lines[at] = " " * rng.randrange(13) + lines[at].lstrip(" ")
            return "".join(lines)
        case 4:  # lines of another file
            foreign = other.splitlines(keepends=True)
            place = rng.randrange(len(foreign) + 1)
            return "".join([*lines[:at], *foreign[place : place + rng.randrange(1, 20)], *lines[at:]])
        case 5:  # a token exchanged for one of another file
            place = rng.randrange(len(text) + 1)
            word = rng.choice(tokens(other))
            return text[:place].rstrip() + " " + word + " " + text[place:].lstrip()
        case 6:  # names exchanged throughout
            names = [word for word in set(tokens(text)) if word.isidentifier()] or ["x"]
            return text.replace(rng.choice(names), rng.choice(names))
        case 7:  # nested deeply
            depth = rng.choice((50, 200, 1200, 30_000))
            kind = rng.randrange(4)
            nested = {
                0: f"x = {'(' * depth}1{')' * depth}\n",
                1: "".join(f"{' ' * level}if x.sum() > 0:\n" for level in range(min(depth, 95))) + " " * 95 + "pass\n",
                2: "y = " + " + ".join(["x.item()"] * depth) + "\n",
                3: "z = x" + ".relu()" * depth + "\n",
            }[kind]
            return text + "\n" + nested
        case _:  # cut off
            return text[: rng.randrange(len(text) + 1)]


def project(source: Iterator[str], rng: random.Random) -> list[SourceFile]:
    """One to four files that import each other by chance."""
    files = []
    for number in range(rng.randrange(1, 5)):
        text = next(source)
        for _ in range(rng.choice((0, 1, 1, 2, 5))):
            text = changed(text, next(source), rng)
        if number:
            text = f"from m{rng.randrange(number)} import *\n" + text
        data = text.encode(rng.choice(("utf-8", "utf-8", "utf-8", "utf-16", "latin-1")), "replace")
        path = f"m{number}.py"
        files.append(SourceFile(path, hashlib.sha256(data).hexdigest(), lambda data=data: data))  # type: ignore[misc]
    return files


def looked_at(files: Sequence[SourceFile], seconds: float) -> Scan:
    """Scan within this time. Raises TooLong."""

    def late(number: int, frame: FrameType | None) -> None:
        raise TooLong(f"more than {seconds:.0f} s")

    signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        return scan(files)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def complaint(files: Sequence[SourceFile]) -> str:
    """What is wrong with the scan of these files; nothing when all is well."""
    size = sum(len(file.read()) for file in files)
    limit = max(_LEAST, _PER_MB * size / 1e6)
    try:
        found = looked_at(files, limit)
        if found != looked_at(files, limit):
            return "not the same result again"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"{type(error).__name__}: {error}"
    for left_out in found.unread:
        if "g2 itself" in left_out.why:
            return left_out.why
    lines = {file.path: len(file.read().splitlines()) + 1 for file in files}
    for sighting in found.sightings:
        if not 1 <= sighting.span.line <= lines[sighting.span.path] * 2:  # utf-16 reads as other lines
            return f"a place that is not there: {sighting.span}"
    return ""


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz for a while and print what came of it."""
    parser = argparse.ArgumentParser(description="Fuzz the static scan.")
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--seconds", type=float, default=60, help="of processors")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("scan-fuzz"), help="folder for what fails")
    given = parser.parse_args(argv)
    import importlib.util

    folders = given.folders
    if not folders:
        torch = importlib.util.find_spec("torch")
        folders = [Path(__file__).parents[1], *map(Path, (torch.submodule_search_locations or ()) if torch else ())]
    rng = random.Random(given.seed)
    source = texts(folders, rng)
    counts: Counter[str] = Counter()
    seen: set[str] = set()
    begin = time.process_time()
    with suppress(KeyboardInterrupt):  # what was done until then counts
        while time.process_time() - begin < given.seconds:
            files = project(source, rng)
            said = complaint(files)
            counts["projects"] += 1
            counts["files"] += len(files)
            counts["bytes"] += sum(len(file.read()) for file in files)
            if not said:
                continue
            counts["failures"] += 1
            if said in seen:
                continue
            seen.add(said)
            folder = given.keep / str(len(seen))
            folder.mkdir(parents=True, exist_ok=True)
            for file in files:
                (folder / file.path).write_bytes(file.read())
            print(f"{folder}: {said}", file=sys.stderr, flush=True)
    print(
        f"{counts['projects']:,} projects of {counts['files']:,} files, {counts['bytes'] / 1e6:.0f} MB, in "
        f"{time.process_time() - begin:.0f} s of processors: {counts['failures']} failures (seed {given.seed})"
    )
    return 1 if counts["failures"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
