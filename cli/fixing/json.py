"""What a fix found, for programs: JSON, format 1. Its schema is docs/fix.schema.json."""

from __future__ import annotations

import json
from typing import Any

from g2.cli.fixing.terminal import Screen
from g2.cli.text import relative
from g2.cli.views.json import span_fields
from g2.rewrite.model import Counts, Offer, Proof, Target

FORMAT = 1


def render(screen: Screen, g2: str) -> str:
    """The whole result. g2: its version."""
    fixing, applied = screen.fixing, screen.written
    document = {
        "format": FORMAT,
        "g2": g2,
        "argv": list(fixing.argv),
        "before": _counts(fixing.before),
        "after": _counts(fixing.after),
        "rounds": fixing.rounds,
        "runs": fixing.runs,
        "seconds": fixing.seconds,
        "offers": [_offer(screen, offer) for offer in screen.offers],
        "alone": [
            {"place": _target(one.target, fixing.cwd), "why": list(one.why), "advice": list(one.advice)}
            for one in screen.alone
        ],
        "left_out": screen.left_out,
        "notes": list(fixing.notes),
        "applied": None
        if applied is None
        else {
            "written": [relative(path, fixing.cwd) for path in applied.written],
            "removed": [relative(path, fixing.cwd) for path in applied.removed],
            "notes": list(applied.notes),
        },
    }
    return json.dumps(document, indent=2) + "\n"


def _offer(screen: Screen, offer: Offer) -> dict[str, Any]:
    cwd = screen.fixing.cwd
    return {
        "number": offer.number,
        "rule": offer.proposal.rule,
        "summary": offer.proposal.summary,
        "safety": offer.safety.value,
        "caveat": offer.proposal.caveat or None,
        "needs": list(offer.needs),
        "places": [_target(target, cwd) for target in offer.targets],
        "proof": _proof(offer.proof, cwd),
        "diffs": [{"path": relative(path, cwd), "diff": diff} for path, diff in offer.diffs],
        "applied": offer.number in screen.applied,
        "held": screen.held.get(offer.number),
    }


def _target(target: Target, cwd: str) -> dict[str, Any]:
    return {
        "kind": target.kind,
        "reason": target.reason,
        "span": span_fields(target.span, cwd),
        "function": target.function,
        "headline": target.headline,
        "mine": target.mine,
        "package": target.package,
    }


def _proof(proof: Proof, cwd: str) -> dict[str, Any]:
    return {
        "trials": [
            {"what": one.what, "inputs": one.inputs, "outcome": one.outcome, "detail": one.detail}
            for one in proof.trials
        ],
        "tests": [{"span": span_fields(span, cwd), "true": yes, "false": no} for span, yes, no in proof.sides],
        "notes": list(proof.notes),
    }


def _counts(counts: Counts) -> dict[str, int]:
    return {"graphs": counts.graphs, "breaks": counts.breaks, "recompiles": counts.recompiles}
