"""For the tests of a check: `import staged`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
