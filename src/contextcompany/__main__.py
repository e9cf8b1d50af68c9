"""`python -m contextcompany` is the command `contextcompany`."""

import sys

from contextcompany.cli import main

if __name__ == "__main__":
    sys.exit(main())
