"""Which modules of Inductor's are the same but for the device that they name."""

from __future__ import annotations

import hashlib
import re

_DEVICE = re.compile(
    r"DeviceProperties\([^)]*\)|'backend_hash': '[^']*'|# kernel path: .*|[\w./-]*torchinductor[\w./-]*"
    r"|'disable_ftz': \w+"
)


def digest(text: str) -> str:
    """Of a module's text without the properties of its device."""
    return hashlib.sha256(_DEVICE.sub("", text).encode()).hexdigest()
