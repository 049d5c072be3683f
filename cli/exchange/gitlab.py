"""GitLab's code quality report.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

import json

from g2.cli.exchange.notice import Notices

_SEVERITY = {"error": "major", "warning": "minor", "note": "info"}


def render(notices: Notices) -> str:
    """One entry a finding whose place lies in the repository; GitLab shows no others."""
    entries = [
        {
            "description": notice.headline,
            "content": {"body": notice.text},
            "check_name": notice.rule,
            "fingerprint": notice.fingerprint,
            "severity": _SEVERITY[notice.level],
            "location": {
                "path": notice.span.path,
                "lines": {"begin": max(notice.span.line, 1), "end": max(notice.span.end_line, notice.span.line, 1)},
            },
        }
        for notice in notices.items
        if not notice.span.path.startswith("/")
    ]
    return json.dumps(entries, indent=2) + "\n"
