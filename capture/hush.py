"""Child side: keeps Dynamo's own words about breaks and limits off the script's stderr.

They are in the record; on stderr they would be noise that g2 brought. A person who set TORCH_LOGS wants to read them,
and does.
"""

from __future__ import annotations

import logging
import os
import warnings

# And the level from which on each is still heard.
_HEARD = {
    "torch._dynamo": logging.ERROR,
    "torch._guards": logging.CRITICAL,  # a guard that cannot be made is an error that the record holds with its place
    # While Dynamo tries an operation that fails, as it will in the script: the script's own error says it.
    "torch._subclasses.fake_tensor": logging.CRITICAL,
}
LOGGERS = tuple(_HEARD)


def hush() -> None:
    """Called once torch._dynamo is there: its warnings and log lines below ERROR stay out of the script's output."""
    if "TORCH_LOGS" in os.environ:
        return
    for name, level in _HEARD.items():
        logging.getLogger(name).setLevel(level)
    warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\._dynamo\.")
