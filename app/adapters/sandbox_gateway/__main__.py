"""``python -m app.adapters.sandbox_gateway --port N --data DIR``: run the sandbox gateway."""

import os
import sys

from app.adapters.sandbox_gateway import options, server


def main() -> int:
    """Run until told to end; 1 when the port or the folder cannot be had."""
    given = options.read(sys.argv[1:], os.environ)
    try:
        server.serve(given)
    except OSError as error:
        sys.stderr.write(f"sandbox gateway: {given.host}:{given.port}, {given.data}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
