"""`python -m ucmt_lite.cli` is the command `ucmt-lite`."""

import sys

from ucmt_lite.cli import main

if __name__ == "__main__":
    sys.exit(main())
