"""``python -m app.adapters.sandbox_bank FOLDER``: answer payout files until a signal comes; ``--once`` looks once."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from app.adapters.sandbox_bank import work_once

POLL_S = 1.0


def main() -> int:
    """Run the bank."""
    parser = argparse.ArgumentParser(prog="python -m app.adapters.sandbox_bank", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--once", action="store_true")
    given = parser.parse_args()
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    while True:
        work_once(given.folder)
        if given.once or stop.wait(POLL_S):
            return 0


if __name__ == "__main__":
    sys.exit(main())
