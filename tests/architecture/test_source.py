"""What the source text itself must hold to."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

from tests.crash_points.sites import LEDGER_WRITERS

ROOT = Path(__file__).parents[2]
TEXT = {".py", ".md", ".toml", ".sql", ".csv", ".txt", ".json", ".html", ".yaml", ".yml", ".mako", ".cfg", ".lock", ""}
NOT_OURS = {".git", ".venv", "var", "node_modules", "build", "dist"}

BOOK_WRITERS = LEDGER_WRITERS | {"open_account"}
OUTSIDE_CALLS = {
    "create_intent", "retrieve_intent", "find_intent", "cancel_intent", "create_refund", "retrieve_refund",
    "find_refund", "send_code", "send_notice",
}  # fmt: skip
LEDGER_TABLES = ("account", "balance", "entry", "hold", "journal", "journal_key")

# Put together here, so that this file does not name them itself.
OUTSIDE_FOLDERS = re.compile(
    "|".join(
        [
            r"\.\./" + "shared",
            r"(?<![\w.])/" + "work/",
            r"/" + "tmp/lead",
            r"/" + "shared/design",
            "decisions" + r"\.md",
            r"domain" + r"\.md",
            r"campaign" + r"\.md",
        ]
    )
)


def our_files() -> list[Path]:
    """Return the text files that belong to the project: what git knows, or the tree without what is made in it."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],  # noqa: S607 - git is wherever it is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    names = listed.stdout.splitlines() if listed.returncode == 0 else []
    found = [ROOT / name for name in names] or [
        path for path in ROOT.rglob("*") if not NOT_OURS & {part.lower() for part in path.relative_to(ROOT).parts}
    ]
    return [path for path in found if path.is_file() and path.suffix in TEXT]


def modules(folder: str) -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in sorted((ROOT / folder).rglob("*.py"))]


def called(node: ast.AST) -> str | None:
    """Return the last name of what a call calls."""
    if not isinstance(node, ast.Call):
        return None
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)


def opens_transaction(node: ast.AST) -> bool:
    return isinstance(node, ast.With) and any(called(item.context_expr) == "transaction" for item in node.items)


def ledger_calls(function: ast.AST) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "ledger"
        and node.func.attr in BOOK_WRITERS
    ]


def test_no_file_names_a_folder_outside_the_project() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in our_files()
        if (match := OUTSIDE_FOLDERS.search(path.read_text(encoding="utf-8", errors="replace")))
    ]

    assert found == []


def test_the_search_for_folders_outside_finds_them() -> None:
    assert OUTSIDE_FOLDERS.search("see ../" + "shared/data")
    assert OUTSIDE_FOLDERS.search("in /" + "work/main")
    assert not OUTSIDE_FOLDERS.search("framework/main and network/x")


def test_a_use_case_writes_to_the_books_at_most_once_a_function() -> None:
    several = []

    for path, tree in modules("app/usecases"):
        several += [
            f"{path.name}: {function.name}"
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef) and len(ledger_calls(function)) > 1
        ]

    assert several == []


def test_the_search_for_ledger_calls_finds_them() -> None:
    assert sum(len(ledger_calls(tree)) for _, tree in modules("app/usecases")) >= 5


def test_nothing_outside_is_called_inside_a_transaction() -> None:
    inside = []

    for path, tree in modules("app"):
        for block in ast.walk(tree):
            if opens_transaction(block):
                inside += [
                    f"{path.name}:{node.lineno} {called(node)}"
                    for node in ast.walk(block)
                    if isinstance(node, ast.Call) and called(node) in OUTSIDE_CALLS
                ]

    assert inside == []


def test_there_are_outside_calls_to_look_for() -> None:
    seen = {called(node) for _, tree in modules("app/usecases") for node in ast.walk(tree)}

    assert {"create_intent", "cancel_intent", "create_refund", "send_code"} <= seen


def test_transactions_do_not_nest() -> None:
    nested = []

    for path, tree in modules("app"):
        for block in ast.walk(tree):
            if opens_transaction(block):
                nested += [
                    f"{path.name}:{inner.lineno}"
                    for inner in ast.walk(block)
                    if inner is not block and isinstance(inner, ast.With) and opens_transaction(inner)
                ]

    assert nested == []


def test_only_the_ledgers_own_sql_writes_its_tables() -> None:
    write = re.compile(
        rf"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE|COPY)\s+(?:ONLY\s+)?ledger\.(?:{'|'.join(LEDGER_TABLES)})\b",
        re.IGNORECASE,
    )
    own = [ROOT / "migrations" / "sql" / name for name in ("ledger.sql", "ledger_posting.sql")]
    places = [*(ROOT / "app").rglob("*.py"), *(ROOT / "migrations").rglob("*.*")]

    elsewhere = [
        str(path.relative_to(ROOT))
        for path in places
        if path not in own and path.suffix in {".py", ".sql"} and write.search(path.read_text(encoding="utf-8"))
    ]

    assert elsewhere == []
    assert write.search(own[-1].read_text(encoding="utf-8"))


def test_doors_do_not_write_rows() -> None:
    write = re.compile(r"\b(?:INSERT\s+INTO|UPDATE\s+\w+\s+(?:AS\s+\w+\s+)?SET|DELETE\s+FROM)\b")
    doors = ("user", "merchant", "courier", "store", "platform", "gateway", "web")

    writing = [
        str(path.relative_to(ROOT))
        for door in doors
        for path in (ROOT / "app" / door).rglob("*.py")
        if write.search(path.read_text(encoding="utf-8"))
    ]

    assert writing == []


def plain_pointers(source: ast.AST) -> list[str]:
    """Return what ``pointer=`` says in the calls of a module and does not begin as a JSON pointer."""
    texts = [
        getattr(part, "value", None)
        for call in ast.walk(source)
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg == "pointer"
        for part in (keyword.value.values[:1] if isinstance(keyword.value, ast.JoinedStr) else [keyword.value])
    ]
    return [text for text in texts if isinstance(text, str) and not text.startswith("/")]


def test_a_problem_points_at_a_field_by_a_json_pointer_or_names_the_idempotency_header() -> None:
    found = {(path.name, text) for path, module in modules("app") for text in plain_pointers(module)}

    assert {text for _, text in found} == {"Idempotency-Key"}, found


def test_the_search_for_plain_pointers_finds_them() -> None:
    assert plain_pointers(ast.parse("E(pointer='a'), F(pointer='/b'), G(pointer=f'c/{n}')")) == ["a", "c/"]
