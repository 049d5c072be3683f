"""Runs examples one after the other in one process: `python reasons_runner.py FILE...`.

Each starts with Dynamo's settings as they were and an empty cache, in a module of its own.
"""

import sys
from pathlib import Path
from types import ModuleType

import torch._dynamo
from torch._dynamo import config

START = config.save_config()

for name in sys.argv[1:]:
    torch._dynamo.reset()
    config.load_config(START)
    module = ModuleType(f"example_{Path(name).stem}")
    module.__file__ = name
    sys.modules[module.__name__] = module
    exec(compile(Path(name).read_text(encoding="utf-8"), name, "exec"), module.__dict__)
