"""Every machine, found, proven and drawn: what ``dev.py machines`` stands on."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import app.core
from app.kernel.machines import Table

SUFFIX = "_TRANSITIONS"


def tables() -> Iterator[tuple[str, str, Table[Any, Any]]]:
    """Yield path, name and content of every table of transitions."""
    for domain in pkgutil.iter_modules(app.core.__path__):
        if not (Path(app.core.__path__[0]) / domain.name / "states.py").exists():
            continue
        module = importlib.import_module(f"app.core.{domain.name}.states")
        for name in sorted(vars(module)):
            if name.endswith(SUFFIX):
                yield f"app/core/{domain.name}/states.py", name.removesuffix(SUFFIX), vars(module)[name]
