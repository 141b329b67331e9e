"""``python -m tconv``."""

from __future__ import annotations

import sys

from tconv.cli import main

if __name__ == "__main__":
    sys.exit(main())
