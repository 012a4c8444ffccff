#!/usr/bin/env python3
"""Everything a developer of Linli runs: ``python3 dev.py VERB``. Needs nothing but Python 3.11.

It makes the virtual environment ``.venv``, installs the locked packages whose hashes are in ``requirements/``, and
hands over to the verb inside it, a module of ``app/cli/dev``. What is as the lock file wants it is left alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed"
OLDEST = (3, 11)

# Verb: the lock file it needs, the words that follow the interpreter, what it does.
VERBS = {
    "run": (
        "run",
        ("-m", "app.cli.dev.run"),
        "start everything with an embedded PostgreSQL and the demo; Ctrl-C stops it",
    ),
    "test": ("dev", ("-m", "app.cli.dev.test"), "run the whole suite; arguments go to pytest"),
    "check": ("dev", ("-m", "app.cli.dev.check"), "lint, format, types, imports, migrations, OpenAPI document"),
    "bench": ("dev", ("-m", "app.cli.dev.bench"), "measure speed against floors of this machine"),
    "bench-ledger": ("dev", ("-m", "app.cli.dev.bench_ledger"), "measure postings, and proofs of the books"),
    "bench-couriers": ("dev", ("-m", "app.cli.dev.bench_couriers"), "measure positions and a race for one trip"),
    "flash-sale": ("run", ("-m", "app.cli.dev.flash_sale"), "sell a term product to a crowd at one instant, over HTTP"),
    "bench-wealth": ("dev", ("-m", "app.cli.dev.bench_wealth"), "measure a day's income of holders, and sweeps"),
    "bill-drill": (
        "run",
        ("-m", "app.cli.dev.bill_drill"),
        "pay bills while the biller dies; each is paid or returned",
    ),
    "bench-dispatch": ("run", ("-m", "app.cli.dev.bench_dispatch"), "compare the policies of dispatch"),
    "bench-store": ("dev", ("-m", "app.cli.dev.bench_store"), "measure figures of stores, till proof and exports"),
    "store-day": ("run", ("-m", "app.cli.dev.store_day"), "live a day at a store over HTTP, twice, once under kills"),
    "bench-money": (
        "run",
        ("-m", "app.cli.dev.bench_money"),
        "measure statements of 51,900 merchants with a million lines",
    ),
    "bench-search": ("dev", ("-m", "app.cli.dev.bench_search"), "make a nation of shops once, and measure search"),
    "search-oracle": ("run", ("-m", "app.cli.dev.search_oracle"), "compare what search finds with a plain LIKE"),
    "simulate": ("run", ("-m", "app.cli.dev.simulate"), "replay an evening of orders over HTTP, then prove the books"),
    "fuzz": ("dev", ("-m", "app.cli.dev.fuzz"), "throw generated requests at every operation of the OpenAPI document"),
    "audit": ("run", ("-m", "app.cli.dev.audit"), "prove the audit log's chain, the books and their chains"),
    "authz": ("dev", ("-m", "app.cli.dev.authz"), "try every route as everybody on everything"),
    "authz-mutants": (
        "dev",
        ("-m", "app.cli.dev.authz", "--mutants"),
        "change each line of the policy in turn; authz must see it",
    ),
    "chaos-money": (
        "dev",
        ("-m", "tests.chaos_money"),
        "pay, refund and pay out over a faulty gateway while workers are killed; every fen must be found",
    ),
    "crash-points": (
        "dev",
        ("-m", "app.cli.dev.crash_points"),
        "kill every money flow at every point, restart it; its effect must be there once",
    ),
    "crash-postgres": (
        "dev",
        ("-m", "tests.crash_postgres"),
        "kill PostgreSQL under load, again and again; nothing that was acknowledged is lost",
    ),
    "guess": ("dev", ("-m", "app.cli.dev.guess"), "guess at sign-in codes from many addresses; nobody may come in"),
    "drill": ("dev", ("-m", "app.cli.dev.drill"), "long walks over all verticals, an outage of the worker, crowds"),
    "machines": ("dev", ("-m", "app.cli.dev.machines"), "draws every state machine from its table, and proves it"),
    "openapi": ("run", ("-m", "app.cli.dev.openapi"), "rewrite docs/api/openapi.json"),
    "lock": (None, (), "make the lock files again with uv; --upgrade takes newer versions"),
}


def digest(lock: str) -> str:
    """Return what the installed packages of ``lock`` are recognized by: the hash of its file."""
    return hashlib.sha256((ROOT / "requirements" / f"{lock}.lock").read_bytes()).hexdigest()


def is_installed(lock: str) -> bool:
    """Whether ``.venv`` holds what ``lock`` wants. The packages of ``dev`` include those of ``run``."""
    return PYTHON.exists() and STAMP.exists() and f"{lock} {digest(lock)}" in STAMP.read_text().splitlines()


def install(lock: str) -> None:
    """Make ``.venv`` hold what ``lock`` wants. The stamp comes last: an installation that broke off is done again."""
    uv = shutil.which("uv")
    if not PYTHON.exists() or not STAMP.exists():
        if uv is None and importlib.util.find_spec("ensurepip") is None:
            sys.exit("dev.py: this Python cannot make virtual environments; on Debian: apt-get install python3-venv")
        say("Making .venv …")
        command([sys.executable, "-m", "venv", "--clear", *(["--without-pip"] if uv else []), str(VENV)])
    elif uv is None and not (VENV / "bin" / "pip").exists():
        STAMP.unlink()  # made with uv, which is gone now
        install(lock)
        return
    STAMP.unlink(missing_ok=True)
    say(f"Installing the packages of requirements/{lock}.lock with {'uv' if uv else 'pip'}, once …")
    began = time.monotonic()
    wanted = ["--quiet", "--require-hashes", "--requirement", str(ROOT / "requirements" / f"{lock}.lock")]
    if uv:
        command([uv, "pip", "install", "--python", str(PYTHON), *wanted])
    else:
        command([str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-compile", *wanted])
    install_linli()
    say(f"Installed in {time.monotonic() - began:.0f} s.")
    locks = ("run", "dev") if lock == "dev" else ("run",)
    draft = STAMP.with_suffix(".new")
    draft.write_text("".join(f"{name} {digest(name)}\n" for name in locks))
    draft.replace(STAMP)


def install_linli() -> None:
    """Put the checkout itself on the path of ``.venv``, and its console script ``linli`` beside the interpreter."""
    (folder,) = VENV.glob("lib/python*/site-packages")
    (folder / "linli.pth").write_text(f"{ROOT}\n")
    script = VENV / "bin" / "linli"
    # A first line for the shell, a string for Python: an interpreter's path may be too long, or hold a space.
    entry = "from app.cli import main\n\nif __name__ == '__main__':\n    main()\n"
    script.write_text(f"#!/bin/sh\n'''exec' \"{PYTHON}\" -P \"$0\" \"$@\"\n'''\n{entry}")
    script.chmod(0o755)


def keep_bytecode() -> None:
    """Let what is started compile a module once, not at each start: beside the packages, so that the tree stays clean.

    Images of containers often ask Python not to write bytecode; thirty starts of our processes would pay for it.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(VENV / "bytecode"))


def lock_again(arguments: list[str]) -> None:
    """Write the lock files from pyproject.toml; versions that still fit stay unless ``arguments`` say ``--upgrade``."""
    uv = shutil.which("uv")
    if uv is None:
        sys.exit("dev.py lock: uv is not on the path; see https://docs.astral.sh/uv/")
    options = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate", "--quiet"]
    for name, more in (("run", []), ("dev", ["--extra", "dev", "--constraints", "requirements/run.lock"])):
        output = ["--custom-compile-command", "python3 dev.py lock", "--output-file", f"requirements/{name}.lock"]
        command([uv, "pip", "compile", "pyproject.toml", *options, *output, *more, *arguments])


def command(argv: list[str]) -> None:
    """Run a program to its end in the checkout, or leave with one line that says which one failed."""
    if code := subprocess.run(argv, cwd=ROOT, check=False).returncode:  # noqa: S603 - written above, no shell
        sys.exit(f"dev.py: {' '.join(argv[:4])} … failed with code {code}.")


def say(line: str) -> None:
    """Print a line of progress at once, apart from what the verb prints."""
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Prepare ``.venv`` and become the verb."""
    if sys.version_info < OLDEST:
        sys.exit(f"dev.py: Linli needs Python 3.11 or later; {sys.executable} is {sys.version.split()[0]}.")
    verb, *arguments = sys.argv[1:] or ["--help"]
    if verb not in VERBS:
        listing = "\n".join(f"  {name:<13} {what}" for name, (_, _, what) in VERBS.items())
        print(f"usage: python3 dev.py VERB [ARGUMENT…]\n\n{listing}")
        sys.exit(0 if verb in {"--help", "-h", "help"} else f"\ndev.py: there is no verb {verb!r}.")
    lock, words, _ = VERBS[verb]
    if lock is None:
        lock_again(arguments)
        return
    if not is_installed(lock):
        # Held on the checkout itself until the installation ends, however it ends: a second dev.py waits for it.
        with_lock = os.open(ROOT, os.O_RDONLY)
        fcntl.flock(with_lock, fcntl.LOCK_EX)
        if not is_installed(lock):
            install(lock)
        os.close(with_lock)
    keep_bytecode()
    os.execv(PYTHON, [str(PYTHON), "-P", *words, *arguments])


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("dev.py: interrupted.")
