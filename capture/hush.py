"""Child side: keeps Dynamo's own words about breaks and limits off the script's stderr.

They are in the record; on stderr they would be noise that g2 brought. A person who set TORCH_LOGS wants to read them,
and does.
"""

from __future__ import annotations

import logging
import os
import warnings


def hush() -> None:
    """Called once torch._dynamo is there: its warnings and log lines below ERROR stay out of the script's output."""
    if "TORCH_LOGS" in os.environ:
        return
    logging.getLogger("torch._dynamo").setLevel(logging.ERROR)
    # A guard that cannot be made is an error of Dynamo's that the record holds with its place.
    logging.getLogger("torch._guards").setLevel(logging.CRITICAL)
    # While Dynamo tries an operation that fails, as it will in the script: the script's own error says it.
    logging.getLogger("torch._subclasses.fake_tensor").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\._dynamo\.")
