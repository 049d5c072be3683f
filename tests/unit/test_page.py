"""The HTML report in a real browser: what it shows, that it filters, and that what a run holds stays text."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import samples
from playwright.sync_api import Browser, Page, expect, sync_playwright

from g2.capture.model import Did, Moment, Process, Snippet
from g2.cli.views import Cure, Output, view
from g2.explain.report import Report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
EVIL = (
    "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'> \x1b[31mred\x1b[0m {{ 7 * 7 }}"
)

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens the page of a report, and holds at the end that nothing was complained of or asked of the network."""
    complaints: list[str] = []
    asked: list[str] = []
    contexts = []

    def show(report: Report, *, script: bool = True, width: int = 1200, output: Output | None = None) -> Page:
        file = tmp_path / "report.html"
        file.write_text(view("html").render(report, output or Output()), encoding="utf-8")
        context = browser.new_context(java_script_enabled=script, viewport={"width": width, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        return page

    yield show
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith("file:")] == []


def busy() -> Report:
    """The full report of a run of two ranks, with times."""
    whole = samples.report()
    span = whole.findings[0].place.span
    moments = (
        Moment(Did.CALL, "Net.forward", 1.0, 2.0, 7),
        Moment(Did.COMPILE, "Net.forward", 1.1, 1.2, 7, 0, span),
        Moment(Did.BREAK, "Data-dependent branching", 1.8, 0.0, 7, 0, span),
        Moment(Did.GRAPH, "0/0", 2.4, 0.2, 7),
        Moment(Did.RECOMPILE, "Net.forward", 2.7, 0.0, 8, 0, span),
    )
    ranks = (Process(7, 0, 3, 1, 2), Process(8, 1, 3, 2, 2))
    return replace(whole, session=replace(whole.session, moments=moments, processes=ranks, lost=("Guards are lost.",)))


def test_everything_is_on_the_page(opened: Open) -> None:
    report = busy()
    page = opened(report)
    expect(page.locator("#places .card")).to_have_count(len(report.findings))
    expect(page.locator("#recompiles .card")).to_have_count(len(report.recompiles))
    first = page.locator("#place-1")
    expect(first).to_contain_text("model.py:42:11")
    expect(first).to_contain_text("Block.forward")
    expect(first.locator("mark")).to_have_text("h.sum() > 0")
    expect(first.locator(".path li")).to_have_count(3)
    expect(page.locator("#graphs .box")).not_to_have_count(0)
    expect(page.locator("#timeline rect.compile title")).to_have_text(re.compile("Net.forward at 1.100 s"))
    expect(page.locator("#timeline text.row")).to_have_text(["rank 0", "rank 1"])
    expect(page.locator("#processes tbody tr")).to_have_count(2)
    expect(page.locator("#lost li")).to_have_text("Guards are lost.")


def test_what_g2_fix_offers_is_shown_as_a_diff(opened: Open) -> None:
    report = samples.report()
    diff = "--- a/model.py\n+++ b/model.py\n@@ -42 +42 @@\n-if h.sum() > 0:\n+h = torch.where(h.sum() > 0, h * 2, h)\n"
    cure = Cure("branch-to-where", "safe", "the branch becomes torch.where", (("model.py", diff),))
    page = opened(report, output=Output(cures={report.findings[0].place.span: (cure,)}))
    expect(page.locator("#place-1 .diff .add").last).to_contain_text("torch.where(h.sum() > 0")
    expect(page.locator("#place-1 .safety")).to_have_text("safe")


def test_search_reasons_and_my_files(opened: Open) -> None:
    report = samples.report()
    page = opened(report)
    cards = page.locator(".card:visible")
    total = len(report.findings) + len(report.recompiles)
    expect(cards).to_have_count(total)
    page.keyboard.press("/")
    page.keyboard.type("modeling_led")
    expect(cards).to_have_count(1)
    expect(page.locator("#count")).to_have_text(f"1 of {total}")
    page.keyboard.press("Escape")
    expect(cards).to_have_count(total)
    page.locator(".chip", has_text="tensor-branch").click()
    assert {card.get_attribute("data-reason") for card in cards.all()} == {"tensor-branch"}
    page.locator(".chip", has_text="tensor-branch").click()
    page.locator("#mine").check()
    assert 0 < cards.count() < total
    page.locator("#search").fill("no such place")
    expect(page.locator("#nothing")).to_be_visible()


def test_keys_walk_and_open(opened: Open) -> None:
    page = opened(samples.report())
    page.keyboard.press("j")
    page.keyboard.press("j")
    second = page.locator("#place-2")
    expect(second).to_have_class(re.compile(r"\bat\b"))
    was = second.evaluate("card => card.open")
    page.keyboard.press("o")
    assert second.evaluate("card => card.open") != was
    page.keyboard.press("e")
    assert page.evaluate("[...document.querySelectorAll('.card')].every(card => card.open)")


def test_a_link_to_a_place_opens_it(opened: Open) -> None:
    page = opened(samples.repeated(9))
    assert not page.locator("#place-8").evaluate("card => card.open")
    page.evaluate("location.hash = '#place-8'")
    expect(page.locator("#place-8")).to_have_attribute("open", "")


def test_what_a_run_holds_stays_text(opened: Open) -> None:
    whole = samples.report()
    first, *_ = whole.findings
    span = replace(first.place.span, path=f"{samples.CWD}/{EVIL}.py")
    place = replace(first.place, span=span, function=EVIL, module=EVIL, context=EVIL, snippet=Snippet(42, (EVIL,)))
    recompile = replace(samples.SIZE, function=EVIL, guards=(replace(samples.SIZE.guards[0], source=EVIL, code=EVIL),))
    cure = Cure("rule", "safe", EVIL, ((EVIL, f"+{EVIL}"),))
    report = replace(
        whole,
        session=samples.session(argv=(EVIL,), lost=(EVIL,), script_error=EVIL, exit_code=1),
        findings=(replace(first, place=place, headline=EVIL, advice=(EVIL,)),),
        recompiles=(replace(whole.recompiles[0], recompile=recompile, headline=EVIL),),
        next_step=EVIL,
    )
    page = opened(report, output=Output(cures={span: (cure,)}))
    assert page.evaluate("typeof window.hacked") == "undefined"
    assert "\x1b" not in page.content()
    expect(page.locator("#place-1 .headline")).to_contain_text("<script>window.hacked = 1</script>")
    expect(page.locator("#place-1 .headline")).to_contain_text("{{ 7 * 7 }}")


def test_it_can_be_read_without_its_script(opened: Open) -> None:
    page = opened(samples.report(), script=False)
    expect(page.locator("#filter")).to_be_hidden()
    expect(page.locator("#place-1 .body")).to_be_visible()


@pytest.mark.parametrize("width", [360, 800])
def test_nothing_sticks_out_of_a_small_screen(opened: Open, width: int) -> None:
    page = opened(busy(), width=width)
    page.keyboard.press("e")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_light_and_dark(opened: Open) -> None:
    page = opened(samples.report())
    page.emulate_media(color_scheme="light")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert light != dark
    page.keyboard.press("t")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light


def test_a_printed_page_has_all_places_open(opened: Open) -> None:
    page = opened(samples.repeated(9))
    page.evaluate(
        "addEventListener('beforeprint', () => { window.seen = document.querySelectorAll('.card[open]').length })"
    )
    page.pdf()
    assert page.evaluate("window.seen") == 9 + len(samples.repeated(9).recompiles)


def test_five_thousand_places(opened: Open) -> None:
    page = opened(samples.repeated(5000))
    expect(page.locator("#places .card")).to_have_count(5000)
    page.locator("#search").fill("no such place")
    expect(page.locator("#nothing")).to_be_visible()


def test_a_clean_run(opened: Open) -> None:
    page = opened(samples.clean())
    expect(page.locator("h1")).to_have_class("good")
    expect(page.locator(".card")).to_have_count(0)
