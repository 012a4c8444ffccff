"""Files that nobody sees a part of, whoever else writes them at the same moment and dies of it."""

import os
import secrets
from pathlib import Path


def put_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, its folder with it; once this returns, it is on disk.

    Every writer has a part of their own: none is put in place for another.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    with part.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
