"""``python -m app.adapters.sandbox_biller``: billers for development, until a signal comes."""

import argparse
import os
import sys
from pathlib import Path

from app.adapters.sandbox_biller.faults import BillerFaults
from app.adapters.sandbox_biller.server import Options, serve


def main() -> int:
    """Read the options and serve. The key comes by ``LINLI_BILLER_KEY``."""
    parser = argparse.ArgumentParser(prog="python -m app.adapters.sandbox_biller", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, required=True, help="port to listen on")
    parser.add_argument("--data", type=Path, required=True, help="folder of what it keeps")
    parser.add_argument("--seed", type=int, default=0, help="seed of the faults")
    parser.add_argument("--faults", type=BillerFaults.parse, default=BillerFaults(), help="name=rate,…")
    given = parser.parse_args()
    key = os.environ.get("LINLI_BILLER_KEY", "")
    if not key:
        parser.error("LINLI_BILLER_KEY is not set")
    serve(Options(host=given.host, port=given.port, data=given.data, key=key, seed=given.seed, faults=given.faults))
    return 0


if __name__ == "__main__":
    sys.exit(main())
