"""Facts: run a script under Dynamo and record what happened."""

import sys

LOADED = frozenset(sys.modules)  # what was there before anything of g2's
