"""Puts g2-torch.pth at the top of site-packages, and compiles the static scan where that is asked for.

Everything else is in pyproject.toml. setuptools has no setting for a file beside the packages: `data_files` lands in
the environment's prefix, `package-data` inside a package. So this is one more step of `build`, by the protocol that
setuptools documents for such steps (setuptools.command.build.SubCommand).

With G2_COMPILE=1 mypyc (of mypy) makes extension modules of explain/scan, unchanged; the sources are installed beside
them. A C compiler is needed then, and two minutes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from setuptools import Command, setup
from setuptools.command.build import build

PTH = "g2-torch.pth"
COMPILE = os.environ.get("G2_COMPILE") == "1"


class BuildPth(Command):
    """Copies the start-up file into the wheel, editable or not."""

    description = f"copy {PTH} to the top of the wheel"
    user_options: ClassVar[list[tuple[str, str, str]] | list[tuple[str, str | None, str]]] = []
    build_lib: str
    editable_mode: bool

    def initialize_options(self) -> None:
        self.build_lib = ""
        self.editable_mode = False

    def finalize_options(self) -> None:
        self.build_lib = str(self.get_finalized_command("build").build_lib)

    def run(self) -> None:
        target = self.build_lib
        if self.editable_mode:
            # Not in the protocol: while an editable wheel is made, install_lib is the folder whose
            # content becomes the wheel (editable_wheel._configure_build, setuptools 64 to 84).
            target = str(self.get_finalized_command("install").install_lib)
        Path(target).mkdir(parents=True, exist_ok=True)
        self.copy_file(PTH, str(Path(target, PTH)))

    def get_source_files(self) -> list[str]:
        return [PTH]

    def get_outputs(self) -> list[str]:
        return [str(Path(self.build_lib, PTH))]

    def get_output_mapping(self) -> dict[str, str]:
        return {str(Path(self.build_lib, PTH)): PTH}


class Build(build):
    sub_commands: ClassVar = [*build.sub_commands, ("build_pth", None)]


def extensions() -> Sequence[Any]:
    """The scan's modules for a C compiler, when they are asked for."""
    if not COMPILE or "egg_info" in sys.argv:  # so setuptools is asked what a build requires, before that is there
        return []
    from mypyc.build import mypycify

    scan = Path(".types", "g2", "explain", "scan")  # where mypy learns that explain/scan is g2.explain.scan
    modules = sorted(str(path) for path in scan.glob("*.py") if path.name != "__init__.py")
    if not modules:
        raise SystemExit(f"G2_COMPILE=1 needs a checkout of g2: there is no {scan} in {Path.cwd()}.")
    return mypycify(modules, group_name="g2_scan")


setup(
    cmdclass={"build": Build, "build_pth": BuildPth},
    ext_modules=extensions(),
    setup_requires=["mypy>=1.18"] if COMPILE else [],
)
