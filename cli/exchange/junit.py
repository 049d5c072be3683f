"""JUnit's XML, as CI services read it (https://github.com/testmoapp/junitxml): a failed test case for each finding."""

from __future__ import annotations

from xml.etree import ElementTree

from g2.cli.exchange.notice import Notice, Notices
from g2.cli.text import clean


def render(notices: Notices) -> str:
    """One suite. Without a finding it holds one case that passed, since services take an empty suite for a mistake; a
    script that failed is an error of its own.
    """
    cases = [_case(notice) for notice in notices.items]
    if notices.failed:
        cases.append(_element("testcase", {"name": "the script runs to its end", "classname": "g2"}))
        cases[-1].append(_element("error", {"message": notices.failed}))
    if not cases:
        cases.append(_element("testcase", {"name": notices.summary, "classname": "g2"}))
    name = "g2 " + " ".join(notices.argv)
    counts = {
        "tests": str(len(cases)),
        "failures": str(len(notices.items)),
        "errors": str(int(bool(notices.failed))),
    }
    suite = _element("testsuite", {"name": name.strip(), **counts})
    suite.extend(cases)
    if notices.lost:
        suite.append(_element("system-err", {}, "\n".join(notices.lost)))
    whole = _element("testsuites", {"name": "g2", **counts})
    whole.append(suite)
    ElementTree.indent(whole)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(whole, encoding="unicode") + "\n"


def _case(notice: Notice) -> ElementTree.Element:
    where = f"{notice.span.path}:{notice.span.line}"
    case = _element(
        "testcase",
        {
            "name": f"{where} {notice.headline}",
            "classname": f"g2.{notice.rule}",
            "file": notice.span.path,
            "line": str(notice.span.line),
        },
    )
    case.append(_element("failure", {"message": notice.headline, "type": notice.rule}, f"{where}\n\n{notice.text}"))
    return case


def _element(tag: str, attributes: dict[str, str], text: str | None = None) -> ElementTree.Element:
    """An element whose texts hold nothing that XML 1.0 forbids."""
    element = ElementTree.Element(tag, {key: _allowed(value) for key, value in attributes.items()})
    element.text = None if text is None else _allowed(text)
    return element


def _allowed(text: str) -> str:
    return clean(text).replace("\ufffe", "?").replace("\uffff", "?")
