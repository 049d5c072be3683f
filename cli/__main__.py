"""`python -m g2.cli` is the same as the command `g2`."""

import sys

from g2.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
