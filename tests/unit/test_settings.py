from __future__ import annotations

import base64
import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from app.settings import Environment, SettingsError, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping


def a_key(number: int) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(bytes([number])).digest()).decode().rstrip("=")


SOUND = {
    "LINLI_ENV": "production",
    "DATABASE_URL": "postgresql://linli_app@db/linli",
    "LINLI_TOKEN_KEYS": f"new:{a_key(1)},old:{a_key(2)}",
    "LINLI_DATA_KEYS": f"one:{a_key(3)}",
    "LINLI_INDEX_KEY": a_key(4),
    "LINLI_CODE_PEPPER": a_key(5),
    "STRIPE_API_BASE": "https://api.stripe.com",
    "STRIPE_SECRET_KEY": "sk_live_q7Vx2mN9bL4wR8tZ",
    "STRIPE_WEBHOOK_SECRETS": "whsec_9f3b61c07ad84e52b1c6f0d27e8a4493",
    "LINLI_PUBLIC_URL": "https://linli.example/",
    "LINLI_LIVE_URL": "https://live.linli.example",
    "LINLI_SMS_URL": "https://sms.example/send",
    "LINLI_SMS_KEY": "hT5kW2pY8cJ4nD6v",
    "LINLI_PASSKEY_RP_ID": "linli.example",
    "LINLI_PASSKEY_ORIGINS": "https://linli.example,https://staff.linli.example",
}


def read(monkeypatch: pytest.MonkeyPatch, env: Mapping[str, str | None]) -> object:
    for name in [name for name in os.environ if name.startswith(("LINLI_", "STRIPE_", "DATABASE", "MIGRATION"))]:
        monkeypatch.delenv(name)
    for name, value in env.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    return read_settings()


def test_a_whole_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read(monkeypatch, SOUND)

    settings = read_settings()

    assert settings.environment is Environment.PRODUCTION
    assert list(settings.token_keys) == ["new", "old"]
    assert settings.database_url == settings.migration_database_url == "postgresql+psycopg://linli_app@db/linli"
    assert settings.public_url == "https://linli.example"
    assert not settings.is_sandboxed


def test_without_a_word_the_environment_is_production(monkeypatch: pytest.MonkeyPatch) -> None:
    read(monkeypatch, {**SOUND, "LINLI_ENV": None})

    assert read_settings().environment is Environment.PRODUCTION


@pytest.mark.parametrize("name", sorted(set(SOUND) - {"LINLI_ENV"}))
def test_every_setting_is_needed_in_production_and_named_when_it_is_missing(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read(monkeypatch, {**SOUND, name: None})

    assert name in caught.value.message


@pytest.mark.parametrize(
    "name, value",
    [
        ("LINLI_ENV", "staging"),
        ("LINLI_INDEX_KEY", ""),
        ("LINLI_INDEX_KEY", "short"),
        ("LINLI_INDEX_KEY", base64.urlsafe_b64encode(bytes(32)).decode()),
        ("LINLI_CODE_PEPPER", SOUND["LINLI_INDEX_KEY"]),
        ("LINLI_INDEX_KEY", base64.urlsafe_b64encode(bytes(range(32))).decode()),
        ("LINLI_INDEX_KEY", base64.urlsafe_b64encode(b"0123456789abcdef" * 2).decode()),
        ("LINLI_INDEX_KEY", base64.urlsafe_b64encode(b"\1\2\3\4\5\6\7\x80" * 4).decode()),
        ("LINLI_DATA_KEYS", f"one:{a_key(1)}"),
        ("LINLI_SMS_KEY", SOUND["LINLI_CODE_PEPPER"]),
        ("LINLI_SMS_KEY", SOUND["STRIPE_WEBHOOK_SECRETS"]),
        ("LINLI_IDENTITY_KEY", SOUND["LINLI_SMS_KEY"]),
        ("LINLI_SMS_KEY", "short"),
        ("LINLI_SMS_KEY", "ChangeMe-0123456789"),
        ("STRIPE_SECRET_KEY", "sk_live_x"),
        ("STRIPE_WEBHOOK_SECRETS", "whsec_example_0123456789abcdef0123"),
        ("LINLI_CORS_ORIGINS", "*"),
        ("LINLI_CORS_ORIGINS", "https://app.example/"),
        ("LINLI_CORS_ORIGINS", "app.example"),
        ("LINLI_PUBLIC_URL", "linli.example"),
        ("LINLI_LIVE_URL", ""),
        ("LINLI_REQUESTS_PER_MINUTE", "-1"),
        ("LINLI_PROXY_HOPS", "6"),
        ("LINLI_TOKEN_KEYS", a_key(6)),
        ("LINLI_TOKEN_KEYS", f"a:{a_key(7)},a:{a_key(8)}"),
        ("LINLI_TOKEN_KEYS", f"a.b:{a_key(9)}"),
        ("LINLI_DATA_KEYS", ""),
        ("STRIPE_WEBHOOK_SECRETS", ""),
        ("STRIPE_WEBHOOK_SECRETS", "whsec_short"),
        ("STRIPE_WEBHOOK_SECRETS", ",".join([SOUND["STRIPE_WEBHOOK_SECRETS"]] * 3)),
        ("STRIPE_SECRET_KEY", ""),
        ("STRIPE_SECRET_KEY", "sk_test_x"),
        ("STRIPE_API_BASE", "http://127.0.0.1:8002"),
        ("STRIPE_API_BASE", "ftp://api.stripe.com"),
        ("LINLI_SMS_URL", "http://sms.example/send"),
        ("LINLI_POOL_SIZE", "many"),
        ("LINLI_PLACES", "0"),
        ("LINLI_PASSKEY_RP_ID", "localhost"),
        ("LINLI_PASSKEY_RP_ID", "127.0.0.1"),
        ("LINLI_PASSKEY_RP_ID", "https://linli.example"),
        ("LINLI_PASSKEY_RP_ID", "Linli.example"),
        ("LINLI_PASSKEY_RP_ID", "other.example"),
        ("LINLI_PASSKEY_ORIGINS", "http://linli.example"),
        ("LINLI_PASSKEY_ORIGINS", "https://linli.example,https://evil.example"),
        ("LINLI_PASSKEY_ORIGINS", "https://evillinli.example"),
        ("LINLI_PASSKEY_ORIGINS", "https://linli.example/"),
        ("LINLI_PASSKEY_ORIGINS", "https://a@linli.example"),
        ("LINLI_PASSKEY_ORIGINS", "android:apk-key-hash:short"),
        ("LINLI_PASSKEY_ORIGINS", ""),
        ("LINLI_STAFF_PASSKEY_REQUIRED", "perhaps"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_is_never_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read(monkeypatch, {**SOUND, name: value})

    assert str(caught.value).startswith("linli: ")
    assert caught.value.code != 0
    assert all(secret not in str(caught.value) for secret in SOUND["LINLI_TOKEN_KEYS"].split(","))


def test_settings_do_not_print_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, SOUND)

    assert "sk_live_q7Vx2mN9bL4wR8tZ" not in repr(settings)


def test_staff_needs_a_passkey_in_production_unless_it_is_said_that_it_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read(monkeypatch, SOUND)
    unsaid = read_settings()
    read(monkeypatch, {**SOUND, "LINLI_STAFF_PASSKEY_REQUIRED": "false"})
    said = read_settings()

    assert unsaid.is_staff_passkey_required
    assert unsaid.passkey_origins == ("https://linli.example", "https://staff.linli.example")
    assert not said.is_staff_passkey_required


def test_an_app_is_an_origin_too(monkeypatch: pytest.MonkeyPatch) -> None:
    app = f"android:apk-key-hash:{'a' * 43}"
    read(monkeypatch, {**SOUND, "LINLI_PASSKEY_ORIGINS": f"https://linli.example,{app}"})

    assert read_settings().passkey_origins[1] == app


def test_a_development_stack_makes_passkeys_for_localhost(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"LINLI_ENV": "development", "LINLI_PUBLIC_URL": "http://127.0.0.1:8000", "LINLI_PASSKEY_RP_ID": None,
             "LINLI_PASSKEY_ORIGINS": None}  # fmt: skip
    read(monkeypatch, {**SOUND, **given})
    settings = read_settings()

    assert (settings.passkey_rp_id, settings.passkey_origins) == ("localhost", ("http://localhost:8000",))
    assert not settings.is_staff_passkey_required
