"""Settings: read from the environment once, refused at start when wrong. No default for a secret anywhere.

Outside ``development`` and ``test`` nothing of the sandbox world is accepted: no sandbox gateway, no moved clock.
"""

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn
from urllib.parse import urlsplit

from environs import Env, EnvError

SECRET_BYTES_MIN = 32
WEBHOOK_SECRET_CHARS_MIN = 32
PROXY_HOPS_MAX = 5


class Environment(StrEnum):
    """Where this process runs."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class SettingsError(SystemExit):
    """The environment is wrong: one line that says what, and exit code 2."""

    def __init__(self, message: str) -> None:
        super().__init__(f"linli: {message}")
        self.message = message


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """Everything a process needs to know. Never printed: it holds secrets.

    :param token_keys: key id → Ed25519 seed (32 bytes); the first signs, all verify.
    :param data_keys: key id → AES-256 key (32 bytes); the first seals, all unseal.
    :param stripe_webhook_secrets: one, or two during a rotation.
    :param pool_size: database connections that one process may hold.
    :param proxy_hops: our proxies in front; so many last entries of ``X-Forwarded-For`` are believed.
    """

    environment: Environment
    database_url: str
    migration_database_url: str
    token_keys: dict[str, bytes]
    data_keys: dict[str, bytes]
    index_key: bytes
    code_pepper: bytes
    stripe_api_base: str
    stripe_secret_key: str
    stripe_webhook_secrets: tuple[str, ...]
    public_url: str
    live_url: str
    sms_url: str | None
    sms_key: str | None
    pool_size: int
    proxy_hops: int = 0
    identity_url: str | None = None
    identity_key: str | None = None

    @property
    def is_sandboxed(self) -> bool:
        """True where the outside world is played by Linli's own sandboxes."""
        return self.environment is not Environment.PRODUCTION


def sqlalchemy_url(url: str) -> str:
    """Return ``url`` with the driver that Linli uses (psycopg 3)."""
    scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in {"postgresql", "postgres"} else url


def read_settings() -> Settings:
    """Read the environment.

    :raises SettingsError: something is missing or wrong; its message names the variable, never a value.
    """
    env = Env()
    try:
        environment = Environment(env.str("LINLI_ENV", "production"))
    except ValueError:
        raise SettingsError("LINLI_ENV must be development, test or production") from None
    try:
        database_url = env.str("DATABASE_URL")
        settings = Settings(
            environment=environment,
            database_url=sqlalchemy_url(database_url),
            migration_database_url=sqlalchemy_url(env.str("MIGRATION_DATABASE_URL", database_url)),
            token_keys=_named_keys("LINLI_TOKEN_KEYS", env.str("LINLI_TOKEN_KEYS")),
            data_keys=_named_keys("LINLI_DATA_KEYS", env.str("LINLI_DATA_KEYS")),
            index_key=_key("LINLI_INDEX_KEY", env.str("LINLI_INDEX_KEY")),
            code_pepper=_key("LINLI_CODE_PEPPER", env.str("LINLI_CODE_PEPPER")),
            stripe_api_base=env.str("STRIPE_API_BASE").rstrip("/"),
            stripe_secret_key=env.str("STRIPE_SECRET_KEY"),
            stripe_webhook_secrets=tuple(env.list("STRIPE_WEBHOOK_SECRETS", subcast=str)),
            public_url=env.str("LINLI_PUBLIC_URL").rstrip("/"),
            live_url=env.str("LINLI_LIVE_URL").rstrip("/"),
            sms_url=env.str("LINLI_SMS_URL", None),
            sms_key=env.str("LINLI_SMS_KEY", None),
            pool_size=env.int("LINLI_POOL_SIZE", 8),
            proxy_hops=env.int("LINLI_PROXY_HOPS", 0),
            identity_url=env.str("LINLI_IDENTITY_URL", None),
            identity_key=env.str("LINLI_IDENTITY_KEY", None),
        )
    except EnvError as error:
        raise SettingsError(str(error)) from None
    _refuse_weak(settings)
    return settings


def _refuse_weak(settings: Settings) -> None:
    if not 0 <= settings.proxy_hops <= PROXY_HOPS_MAX:
        raise SettingsError(f"LINLI_PROXY_HOPS must be 0 to {PROXY_HOPS_MAX}")
    secrets = settings.stripe_webhook_secrets
    if not 1 <= len(secrets) <= 2:  # noqa: PLR2004 - the old and the new, while one is being replaced
        raise SettingsError("STRIPE_WEBHOOK_SECRETS must name one secret, or two during a rotation")
    if any(len(secret) < WEBHOOK_SECRET_CHARS_MIN for secret in secrets):
        raise SettingsError(f"STRIPE_WEBHOOK_SECRETS must be at least {WEBHOOK_SECRET_CHARS_MIN} characters each")
    if not settings.stripe_secret_key:
        raise SettingsError("STRIPE_SECRET_KEY must not be empty")
    keys = [*settings.token_keys.values(), *settings.data_keys.values(), settings.index_key, settings.code_pepper]
    if len(set(keys)) != len(keys):
        raise SettingsError("each LINLI_* key must be its own: one key serves one purpose")
    if urlsplit(settings.stripe_api_base).scheme not in {"http", "https"}:
        raise SettingsError("STRIPE_API_BASE must be an http(s) URL")
    if not settings.is_sandboxed and urlsplit(settings.stripe_api_base).scheme != "https":
        raise SettingsError("STRIPE_API_BASE must be https in production: the sandbox gateway is for development")
    if not settings.is_sandboxed and not ((settings.sms_url or "").startswith("https://") and settings.sms_key):
        raise SettingsError(
            "LINLI_SMS_URL (https) and LINLI_SMS_KEY are needed in production: codes go by text message"
        )
    if not settings.is_sandboxed and not settings.stripe_secret_key.startswith(("sk_live_", "rk_live_")):
        raise SettingsError("STRIPE_SECRET_KEY must be a live key in production")


def _named_keys(name: str, value: str) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for part in value.split(","):
        key_id, colon, encoded = part.strip().partition(":")
        if not colon or not key_id or "." in key_id or key_id in keys:
            raise SettingsError(f"{name} must read key_id:base64url,… with each key id once")
        keys[key_id] = _key(name, encoded)
    return keys


def _key(name: str, encoded: str) -> bytes:
    try:
        key = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except (binascii.Error, ValueError):
        _refuse_key(name)
    if len(key) != SECRET_BYTES_MIN or len(set(key)) == 1:
        _refuse_key(name)
    return key


def _refuse_key(name: str) -> NoReturn:
    raise SettingsError(f"{name} must be {SECRET_BYTES_MIN} random bytes in base64url") from None
