"""Where compilers may write while a call is examined: below the record folder, but for what a machine keeps anyway.

Private torch used here (2.11 to 2.15): torch._inductor.codecache._HEADER_DIR, the folder of precompiled C++ headers,
which compiling without them takes ten seconds longer, torch._inductor.config.cpp_cache_precompile_headers, and
torch._inductor.cpu_vec_isa.pick_vec_isa.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import tempfile
from pathlib import Path
from typing import Any

import torch

_CACHE = "cache"  # in the record folder: what is compiled for a check is compiled anew


def furnish(record: Path) -> list[Path]:
    """Have the compilers of this process write below `record`. Returns the folders elsewhere that they need: those of
    C++ extensions and of precompiled headers, which other checks find again. Raises OSError.
    """
    _know_processor()
    codecache: Any = importlib.import_module("torch._inductor.codecache")
    extension: Any = importlib.import_module("torch.utils.cpp_extension")
    headers = Path(getattr(codecache, "_HEADER_DIR", ""))
    extensions = Path(os.environ.get("TORCH_EXTENSIONS_DIR") or extension.get_default_build_root())
    cache = record / _CACHE
    temporary = cache / "tmp"
    temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(cache / "inductor")
    os.environ["TRITON_CACHE_DIR"] = str(cache / "triton")
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
    made = [folder for folder in (headers, extensions) if _made(folder)]
    if headers not in made:
        config: Any = importlib.import_module("torch._inductor.config")
        config.cpp_cache_precompile_headers = False
    if extensions not in made:
        os.environ["TORCH_EXTENSIONS_DIR"] = str(cache / "extensions")
    return made


def _made(folder: Path) -> bool:
    """Whether it is there and can be written into."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return folder != Path() and os.access(folder, os.W_OK | os.X_OK)


def _know_processor() -> None:
    """Have Inductor find out which vector instructions there are: it compiles a program for each and keeps the answers
    in its own cache of this machine, where they are found the next time. Once here spares it every part.
    """
    with contextlib.suppress(Exception):  # no compiler: the parts that need one will say so
        found: Any = importlib.import_module("torch._inductor.cpu_vec_isa")
        found.pick_vec_isa()


def compile_here() -> None:
    """Inductor's own processes would be started from this one, which has no threads of the script's."""
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    config: Any = importlib.import_module("torch._inductor.config")
    config.compile_threads = 1
    torch.set_num_threads(1)  # the threads of OpenMP did not come along
