"""How long a browser takes to open the page of a report: python bench/page.py [PLACES...].

The same page with one place is opened in the same run, in turn with the others, so that the ratio says what the places
cost. Needs Chromium and playwright.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit"))

import samples

from g2.cli.views import Output, view

_PAINTED = "(performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0)"
_LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"


def opened(page: Page, file: Path) -> tuple[float, float, float]:
    """Milliseconds until something is seen, until all is loaded, and of one search."""
    page.goto(file.as_uri())
    while not page.evaluate(f"{_LOADED} > 0 && {_PAINTED} > 0"):  # the page's policy forbids wait_for_function's eval
        page.wait_for_timeout(10)
    painted, loaded = page.evaluate(_PAINTED), page.evaluate(_LOADED)
    searched = page.evaluate(
        """() => {
            const begin = performance.now();
            const search = document.getElementById("search");
            search.value = "layers.7";
            search.dispatchEvent(new Event("input"));
            document.body.getBoundingClientRect();
            return performance.now() - begin;
        }"""
    )
    return painted, loaded, searched


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description="Open pages of reports in Chromium.")
    parser.add_argument("places", nargs="*", type=int, default=[100, 1000, 5000])
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args(argv)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        print("no Chromium is installed", file=sys.stderr)
        return 2
    counts = [1, *given.places]
    taken: dict[int, list[tuple[float, float, float]]] = {count: [] for count in counts}
    drawn: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        files = {}
        for count in counts:
            begin = time.process_time()
            text = view("html").render(samples.repeated(count), Output())
            drawn[count] = time.process_time() - begin
            files[count] = Path(folder) / f"{count}.html"
            files[count].write_text(text, encoding="utf-8")
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(given.rounds):
            for count in counts:
                page = browser.new_page()
                taken[count].append(opened(page, files[count]))
                page.close()
        sizes = {count: file.stat().st_size / 1e6 for count, file in files.items()}
        browser.close()
    print("| places | MB | drawn by g2, s CPU | seen, ms | loaded, ms | loaded / one place | search, ms |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    medians = {
        count: [statistics.median(column) for column in zip(*rows, strict=True)] for count, rows in taken.items()
    }
    for count in counts:
        seen, loaded, search = medians[count]
        browser_side = f"{seen:.0f} | {loaded:.0f} | {loaded / medians[1][1]:.1f} | {search:.0f}"
        print(f"| {count:,} | {sizes[count]:.1f} | {drawn[count]:.2f} | {browser_side} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
