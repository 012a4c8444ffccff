"""The pages under docs say what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.core.ledger.chart import CHART
from app.web.messages import catalog

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / ".github").rglob("*.md")])
REFUSED_EVERYWHERE = {"error"}
"""Codes of the catalogs that no answer carries: the family above all families."""


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name, page",
    [
        ("draw_machines", "machines.md"),
        ("list_problems", "problems.md"),
        ("list_privacy", "privacy.md"),
        ("list_permissions", "permissions.md"),
    ],
)
def test_a_page_that_is_written_from_the_code_is_current(name: str, page: str) -> None:
    written = (DOCS / page).read_text(encoding="utf-8")

    assert written == script(name).page(), f"run .venv/bin/python docs/{name}.py"


def test_every_machine_is_drawn_as_its_table_says() -> None:
    drawn = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "machines").glob("*.svg")}

    assert drawn == script("draw_machines").drawings(), "run python3 dev.py machines"


def test_every_problem_has_a_status_and_words_in_both_languages() -> None:
    with_title = {code for code, words in catalog("en").items() if "title" in words}

    assert set(script("list_problems").statuses()) == with_title - REFUSED_EVERYWHERE
    assert catalog("zh").keys() == catalog("en").keys()
    for language in ("zh", "en"):
        assert all(words["detail"] for words in catalog(language).values())


def test_the_two_languages_of_a_message_name_the_same_parameters() -> None:
    def parameters(text: str) -> set[str]:
        return set(re.findall(r"\{(\w+)\}", text))

    differing = {
        code
        for code, words in catalog("en").items()
        if parameters(words["detail"]) - parameters(catalog("zh")[code]["detail"])
    }

    assert differing == set()


def test_the_money_map_shows_every_kind_of_account() -> None:
    shown = set(re.findall(r"^\| `(\w+)` \|", (DOCS / "architecture.md").read_text(encoding="utf-8"), re.MULTILINE))

    assert shown == {kind.kind for kind in CHART}


def test_every_setting_is_explained() -> None:
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', (ROOT / "app/settings.py").read_text(encoding="utf-8")))
    explained = set(
        re.findall(r"^\| `([A-Z_]+)` \|", (DOCS / "operations.md").read_text(encoding="utf-8"), re.MULTILINE)
    )

    assert read
    assert read <= explained


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_between_pages_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_each_decision_has_a_number_of_its_own_and_is_listed() -> None:
    records = sorted(path.name for path in (DOCS / "adr").glob("[0-9]*.md"))
    listed = re.findall(r"\]\((\d{4}-[^)]+)\)", (DOCS / "adr" / "README.md").read_text(encoding="utf-8"))

    assert len({name[:4] for name in records}) == len(records)
    assert sorted(listed) == records
