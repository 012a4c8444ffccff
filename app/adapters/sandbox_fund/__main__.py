"""``python -m app.adapters.sandbox_fund FOLDER``: be the fund company until a signal comes; ``--once`` looks once."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from app.adapters.sandbox_fund.folder import FundHouse

POLL_S = 1.0


def main() -> int:
    """Run the company."""
    parser = argparse.ArgumentParser(prog="python -m app.adapters.sandbox_fund", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--once", action="store_true")
    given = parser.parse_args()
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    house = FundHouse(given.folder)
    while True:
        house.work_once()
        if given.once or stop.wait(POLL_S):
            return 0


if __name__ == "__main__":
    sys.exit(main())
