"""`make soak`: the kill loop for longer than a test may take; JSON on standard output.

python -m bench.soak [--kills 300] [--folder DIR]
"""

from __future__ import annotations

import sys

from bench.kill import main

_KILLS = ["--kills", "300"]

if __name__ == "__main__":
    # What the caller says comes later and wins.
    sys.argv[1:1] = _KILLS
    raise SystemExit(main())
