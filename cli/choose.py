"""What of a report a person wants to see, and in which form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from g2.cli.endings import form_of_file
from g2.cli.errors import Refusal
from g2.cli.views import formats
from g2.explain.report import Report


@dataclass(frozen=True, slots=True)
class Choice:
    """The options of a command that draws a report, checked."""

    format: str = "terminal"
    file: Path | None = None
    only: tuple[str, ...] = ()
    mine: bool = False
    limit: int | None = None
    verbose: bool = False

    @classmethod
    def of(
        cls,
        format_: str | None,
        output: str | None,
        only: tuple[str, ...],
        mine: bool,
        limit: int | None,
        verbose: bool,
    ) -> Choice:
        """Check what was asked. Raises Refusal for an unknown reason, a file that cannot be written or whose ending
        no form has.
        """
        file = None if output in (None, "-") else Path(str(output))
        if file is not None:
            if file.is_dir():
                raise Refusal(f"{output} is a folder", f"-o {file / 'report.txt'}")
            if not file.parent.is_dir():
                raise Refusal(f"there is no folder {file.parent}", f"mkdir -p {file.parent}")
            # The script may change the directory of nothing but itself; still, a relative name is
            # ours.
            file = file.absolute()
        chosen = format_ or (form_of_file(str(output), formats()) if file is not None else "terminal")
        return cls(chosen, file, tuple(_slug(word) for word in only), mine, limit, verbose)

    @property
    def machine(self) -> bool:
        """Whether the report is for a program, so that stdout has to hold it alone."""
        return self.format != "terminal"

    def narrow(self, report: Report) -> tuple[Report, int]:
        """The findings that were asked for, and how many others there are."""
        findings = tuple(
            f
            for f in report.findings
            if (not self.only or f.reason.slug in self.only) and (not self.mine or f.place.owner.mine)
        )
        recompiles = tuple(
            r
            for r in report.recompiles
            if (not self.only or r.reason in self.only) and (not self.mine or r.recompile.owner.mine)
        )
        left = len(report.findings) + len(report.recompiles) - len(findings) - len(recompiles)
        first = findings[0].reason.slug if findings else recompiles[0].reason if recompiles else None
        step = report.next_step if not left else f"g2 why {first}" if first else ""
        return replace(report, findings=findings, recompiles=recompiles, next_step=step), left


def _slug(word: str) -> str:
    """The reason that a word names: a slug, or an id of Dynamo's."""
    from g2.cli.words import UnknownWord, find

    try:
        return find(word).slug
    except UnknownWord as error:
        hint = f"--only {error.nearest}" if error.nearest else "g2 why lists all reasons"
        raise Refusal(f"there is no reason {word!r}", hint) from None
