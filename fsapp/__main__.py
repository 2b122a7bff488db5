"""``python -m fsapp`` is the same as ``fsapp``."""

import sys

from fsapp.cli import main

if __name__ == "__main__":
    sys.exit(main())
