"""Words for people, by code and language. An error carries a code and parameters; the words live here alone."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["zh", "en"]

_AND: Mapping[Language, str] = {"zh": "、", "en": ", "}
_FOLDER = Path(__file__).parent / "catalogs"


@cache
def catalog(language: Language) -> Mapping[str, Mapping[str, str]]:
    """Return all messages of a language: code → ``{"title": …, "detail": …}``; field messages have ``detail`` only."""
    return tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))


@cache
def names() -> Mapping[str, Mapping[str, str]]:
    """Return what values are called in Chinese: parameter → value → words."""
    return tomllib.loads((_FOLDER / "names.toml").read_text(encoding="utf-8"))


class _Shown(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "…"


def say(code: str, part: Literal["title", "detail"], language: Language, params: Mapping[str, object]) -> str:
    """Return the words for ``code``: lists, amounts, states as people do; an ellipsis for what nobody gave."""
    shown = {name: _shown(name, value, language) for name, value in params.items()}
    return catalog(language)[code][part].format_map(_Shown(shown))


def _shown(name: str, value: object, language: Language) -> object:
    if isinstance(value, (list, tuple)):
        return _AND[language].join(str(_shown(name, one, language)) for one in value)
    if isinstance(value, int) and "fen" in name.split("_"):
        return f"{'-' if value < 0 else ''}{abs(value) // 100:,}.{abs(value) % 100:02d}"
    if isinstance(value, str) and value in names().get(name, {}):
        return value.replace("_", " ") if language == "en" else names()[name][value]
    return value


def say_field(key: str, language: Language) -> str:
    """Return the words for a field's refusal, ``"field_too_long|max=20"``; a problem's code shows its title."""
    code, *pairs = key.split("|")
    if code not in catalog(language):
        return catalog(language)["field_invalid"]["detail"]
    part: Literal["title", "detail"] = "detail" if code.startswith("field_") else "title"
    return say(code, part, language, dict(pair.split("=", 1) for pair in pairs))


def choose_language(accept_language: str) -> Language:
    """Return the language that an ``Accept-Language`` header prefers: Chinese unless English is preferred to it."""
    best: dict[str, float] = {}
    for part in accept_language[:200].lower().split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        primary = tag.split("-")[0]
        best[primary] = max(best.get(primary, 0.0), quality)
    return "en" if best.get("en", 0.0) > best.get("zh", 0.0) else "zh"
