"""The named points at which a money flow can be cut off, read from the source: nobody has to remember to add one.

A *site* is a place in the code: a call of the ledger that writes, a call of the payment gateway, a file that is put
where the bank fetches it or taken from there, and, where a flow is more than one transaction, each transaction. Around
each there are moments; a *point* is a site with a moment, such as ``paying.refunds._ask gateway.create_refund sent``.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEDGER_WRITERS = frozenset(
    {
        "post",
        "post_along",
        "post_many",
        "place_hold",
        "place_holds",
        "capture_hold",
        "capture_holds",
        "void_hold",
        "expire_holds",
    }
)
LEDGER_MOMENTS = ("before", "posted", "written", "committed")
"""Nothing is posted; it is posted; all that goes with it is written; it is committed, and nobody has heard of it."""
GATEWAY_MOMENTS = ("unsent", "answered")
FOLDER_MOMENTS = ("before", "after")
COMMIT_MOMENTS = ("written", "committed")
_FOLDER_CALLS = frozenset({"put_out", "take_in"})
_IN_STEPS = frozenset({"app/usecases/paying/pay_checkout.py", "app/usecases/paying/top_up.py", "app/worker/bank.py"})
"""Modules of flows in several transactions, besides those that call the gateway or apply files."""


@dataclass(frozen=True, slots=True, order=True)
class Site:
    """A place in the source.

    :ivar call: ``ledger.post``, ``gateway.create_intent``, ``folder.put_out``, ``commit``; with ``#2`` for the second
        one in the same function.
    """

    path: str
    function: str
    call: str
    first: int
    last: int

    @property
    def name(self) -> str:
        """What it is called in reports."""
        module = self.path.removeprefix("app/usecases/").removeprefix("app/").removesuffix(".py").replace("/", ".")
        return f"{module}.{self.function} {self.call}"

    @property
    def moments(self) -> tuple[str, ...]:
        """When it can be cut off, around it."""
        kind = self.call.partition(".")[0].partition("#")[0]
        known = {"ledger": LEDGER_MOMENTS, "gateway": GATEWAY_MOMENTS, "folder": FOLDER_MOMENTS}
        return known.get(kind, COMMIT_MOMENTS)

    @property
    def points(self) -> tuple[str, ...]:
        """The names of its points."""
        return tuple(f"{self.name} {moment}" for moment in self.moments)


class _Finder(ast.NodeVisitor):
    def __init__(self, path: str, *, with_commits: bool) -> None:
        self.path, self.with_commits = path, with_commits
        self.functions: list[str] = []
        self.sites: list[Site] = []

    def _add(self, call: str, node: ast.expr | ast.stmt) -> None:
        function = ".".join(self.functions)
        same = sum(1 for one in self.sites if one.function == function and one.call.partition("#")[0] == call)
        named = f"{call}#{same + 1}" if same else call
        self.sites.append(Site(self.path, function, named, node.lineno, node.end_lineno or node.lineno))

    def _enter(self, node: ast.FunctionDef | ast.ClassDef) -> None:
        self.functions.append(node.name)
        self.generic_visit(node)
        self.functions.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._enter(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._enter(node)

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            made = item.context_expr
            is_transaction = isinstance(made, ast.Call) and getattr(made.func, "id", "") == "transaction"
            if is_transaction and self.with_commits:
                self._add("commit", node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        match node.func:
            case ast.Attribute(value=ast.Name(id="ledger"), attr=name) if name in LEDGER_WRITERS:
                self._add(f"ledger.{name}", node)
            case ast.Attribute(value=ast.Name(id="gateway"), attr=name) if name.startswith(
                ("create_", "cancel_", "retrieve_", "find_", "submit_")
            ):
                self._add(f"gateway.{name}", node)
            case ast.Name(id=name) if name in _FOLDER_CALLS:
                self._add(f"folder.{name}", node)
        self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        taken = {alias.name for alias in node.names} & LEDGER_WRITERS
        assert not (node.module == "app.core.ledger" and taken), (
            f"{self.path}: write ledger.{taken}, so that it is seen"
        )


@cache
def sites() -> list[Site]:
    """Return every site of the application, in the order of files and lines."""
    found: list[Site] = []
    for file in sorted([*(ROOT / "app" / "usecases").rglob("*.py"), *(ROOT / "app" / "worker").glob("*.py")]):
        path = file.relative_to(ROOT).as_posix()
        source = file.read_text(encoding="utf-8")
        in_steps = path in _IN_STEPS or "gateway." in source or "take_answers" in source
        finder = _Finder(path, with_commits=in_steps and "worker/jobs" not in path)
        finder.visit(ast.parse(source))
        found += finder.sites
    return found
