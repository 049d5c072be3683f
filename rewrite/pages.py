"""The pages of docs/rules/ that are made from the rules: one for each, and an index.

python -m g2.rewrite.pages docs            writes them
python -m g2.rewrite.pages docs --check    exits with 1 when one on disk is stale
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Mapping

from g2.explain import written
from g2.explain.catalog import everything, reasons
from g2.explain.pages import fence, markdown
from g2.explain.prose import prose
from g2.rewrite.catalog import rules
from g2.rewrite.model import Safety
from g2.rewrite.rule import Rule

SAFETY = {
    Safety.SAFE: "SAFE, when the proof bears it out: same results, gradients and side effects.",
    Safety.ASK: "ASK: it may differ in a way that `g2 fix` names. `--unsafe` applies it.",
    Safety.SHOW: "SHOW: it needs a person's decision, and is printed only.",
}


def pages() -> Mapping[str, str]:
    """Every page: its path below docs/, and its text."""
    texts = {f"rules/{rule.slug}.md": page(rule) for rule in rules()}
    return {**texts, "rules/README.md": index()}


def page(rule: Rule) -> str:
    """One rule."""
    answered = (
        "Every graph break."
        if set(rule.answers) == set(reasons())
        else ", ".join(f"[{slug}](../reasons/{slug}.md)" for slug in rule.answers)
    )
    parts = [f"# {rule.slug}: {rule.title}"]
    parts += ["## What it answers", answered]
    parts += ["## When it is legal", markdown(prose(rule.legal))]
    parts += ["## How far it may be trusted", SAFETY[rule.safety]]
    if rule.examples:
        parts.append("## What it does")
        for example in rule.examples:
            parts += [f"### {_capital(example.name)}", fence(_diff(example.before, example.after), "diff")]
    if rule.negatives:
        parts += ["## What it leaves alone, and why"]
        for negative in rule.negatives:
            parts += [f"### {_capital(negative.name)}", fence(negative.script.strip("\n"))]
    return "\n\n".join(parts) + "\n"


def index() -> str:
    """All rules, by how far they may be trusted; and the rules of each reason."""
    parts = [
        "# Rules",
        "Each page is one rewrite that `g2 fix` tries: what it answers, when it is legal, what it does, what it leaves "
        "alone. They are made from `rewrite/rules/`; change the text there. The examples are tests. What a rule "
        "proposes is offered only when it has held in a run of the script: see [fixing](../fixing.md).",
    ]
    for safety in Safety:
        rows = [f"- [{rule.slug}]({rule.slug}.md): {rule.title}" for rule in rules() if rule.safety is safety]
        parts += [f"## At most {safety.value.upper()}", "\n".join(sorted(rows))]
    special = [rule for rule in rules() if set(rule.answers) != set(reasons())]
    answers = {
        slug: [f"[{rule.slug}]({rule.slug}.md)" for rule in special if slug in rule.answers] for slug in everything()
    }
    table = [
        f"| [{slug}](../reasons/{slug}.md) | {', '.join(found)} |" for slug, found in sorted(answers.items()) if found
    ]
    parts += [
        "## By reason",
        "\n".join(["| Reason | Rules, in the order in which they are asked |", "| --- | --- |", *table]),
    ]
    general = [f"[{rule.slug}]({rule.slug}.md)" for rule in rules() if rule not in special]
    none = [f"[{slug}](../reasons/{slug}.md)" for slug, found in sorted(answers.items()) if not found]
    parts.append(f"Any graph break: {', '.join(general)}. No rule of their own have: {', '.join(none)}.")
    return "\n\n".join(parts) + "\n"


def _diff(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.strip("\n").split("\n"), after.strip("\n").split("\n"), lineterm="", n=99)
    return "\n".join(list(lines)[3:])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def main(arguments: Iterable[str]) -> int:
    """Write or check the pages in the folder that is named; the exit code."""
    return written.main(arguments, str(__doc__), pages, "rules")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
