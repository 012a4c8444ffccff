"""Settings: read from the environment once, refused at start when wrong. No default for a secret anywhere.

Outside ``development`` and ``test`` nothing of the sandbox world is accepted: no sandbox gateway, no moved clock.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import NoReturn
from urllib.parse import urlsplit

from environs import Env, EnvError

SECRET_BYTES_MIN = 32
DISTINCT_BYTES_MIN = 16
WEBHOOK_SECRET_CHARS_MIN = 32
PROXY_HOPS_MAX = 5
REQUESTS_PER_MINUTE = 1_200
"""Of one address in production: many neighbors share one behind a carrier's translation."""
SECRET_CHARS_MIN = 16
_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
_APP = re.compile(r"android:apk-key-hash:[A-Za-z0-9_-]{43}")
_PUBLISHED = ("changeme", "change-me", "change_me", "password", "secret", "example", "insecure", "default", "12345678")
"""What secrets of documents, tutorials and demos are made of."""


class Environment(StrEnum):
    """Where this process runs."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


DISPATCH_S, DISPATCH_S_MAX = 20, 60
PLACES = 2
"""One works while the other waits for PostgreSQL: more of them want the one interpreter, and hinder each other."""
"""Seconds between two ticks of dispatch, and the most that may be set."""


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
    :param bank_dir: folder that is shared with the bank.
    :param fund_dir: the same with fund companies. :param seal_dir: folder outside the database for seals of the
        books, signed with ``seal_key`` (Ed25519 seed). :param alarm_url: where alarms are posted. :param metrics_key:
        bearer key of ``/metrics``; without it the page is not served outside development.
    :param pool_size: database connections that one process may hold.
    :param places: requests that one web process works on at once; more threads than that wait, see
        :mod:`app.kernel.concurrency`.
    :param proxy_hops: our proxies in front; so many last entries of ``X-Forwarded-For`` are believed.
    :param requests_per_minute: how many one address may send; 0 bounds nothing. :param limiter_url: Redis that counts
        them for all processes. :param cors_origins: hosts whose pages may ask.
    :param pictures_dir: folder of pictures, unless ``s3_url`` names a service that keeps them.
    :param biller_url: the house through which billers are reached, with ``biller_key``; without it nobody answers.
    :param passkey_rp_id: the domain that passkeys are made for. :param passkey_origins: pages and apps that may ask
        for them. :param is_staff_passkey_required: whether staff of stores and of the platform needs one.
    :param dispatch_s: seconds between two ticks of dispatch in a worker; 0: this worker does not dispatch.
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
    places: int = PLACES
    proxy_hops: int = 0
    requests_per_minute: int = 0
    limiter_url: str | None = None
    cors_origins: tuple[str, ...] = ()
    dispatch_s: int = DISPATCH_S
    identity_url: str | None = None
    identity_key: str | None = None
    biller_url: str | None = None
    biller_key: str | None = None
    bank_dir: str | None = None
    fund_dir: str | None = None
    seal_dir: str | None = None
    seal_key: bytes | None = None
    alarm_url: str | None = None
    metrics_key: str | None = None
    pictures_dir: str = "var/pictures"
    s3_url: str | None = None
    s3_bucket: str = ""
    s3_region: str = ""
    s3_key_id: str = ""
    s3_secret: str = ""
    passkey_rp_id: str = "localhost"
    passkey_origins: tuple[str, ...] = ("http://localhost",)
    is_staff_passkey_required: bool = False

    @property
    def is_sandboxed(self) -> bool:
        """True where the outside world is played by Linli's own sandboxes."""
        return self.environment is not Environment.PRODUCTION


SERVER_MISSED_WITHIN: Mapping[str, int] = {
    "connect_timeout": 3,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,
}
"""How every connection notices a database whose machine fell silent, in libpq's words: 3 s when it is made, 20 s later.

Without it a thread would wait for hours for an answer that nobody sends; a server that only works long is not missed.
"""


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
            places=env.int("LINLI_PLACES", PLACES),
            proxy_hops=env.int("LINLI_PROXY_HOPS", 0),
            requests_per_minute=env.int(
                "LINLI_REQUESTS_PER_MINUTE", REQUESTS_PER_MINUTE if environment is Environment.PRODUCTION else 0
            ),
            limiter_url=env.str("LINLI_LIMITER_URL", None),
            dispatch_s=env.int("LINLI_DISPATCH_S", DISPATCH_S),
            cors_origins=tuple(env.list("LINLI_CORS_ORIGINS", [], subcast=str)),
            identity_url=env.str("LINLI_IDENTITY_URL", None),
            identity_key=env.str("LINLI_IDENTITY_KEY", None),
            biller_url=env.str("LINLI_BILLER_URL", None),
            biller_key=env.str("LINLI_BILLER_KEY", None),
            bank_dir=env.str("LINLI_BANK_DIR", None),
            fund_dir=env.str("LINLI_FUND_DIR", None),
            seal_dir=env.str("LINLI_SEAL_DIR", None),
            seal_key=_optional_key("LINLI_SEAL_KEY", env.str("LINLI_SEAL_KEY", "")),
            alarm_url=env.str("LINLI_ALARM_URL", None),
            metrics_key=env.str("LINLI_METRICS_KEY", None),
            pictures_dir=env.str("LINLI_PICTURES_DIR", "var/pictures"),
            s3_url=env.str("LINLI_S3_URL", None),
            s3_bucket=env.str("LINLI_S3_BUCKET", ""),
            s3_region=env.str("LINLI_S3_REGION", "us-east-1"),
            s3_key_id=env.str("LINLI_S3_KEY_ID", ""),
            s3_secret=env.str("LINLI_S3_SECRET", ""),
            passkey_rp_id=env.str("LINLI_PASSKEY_RP_ID", "localhost"),
            passkey_origins=tuple(
                env.list("LINLI_PASSKEY_ORIGINS", [_on_localhost(env.str("LINLI_PUBLIC_URL"))], subcast=str)
            ),
            is_staff_passkey_required=env.bool("LINLI_STAFF_PASSKEY_REQUIRED", environment is Environment.PRODUCTION),
        )
    except EnvError as error:
        raise SettingsError(str(error)) from None
    _refuse_weak(settings)
    return settings


def _refuse_weak(settings: Settings) -> None:
    _refuse_open(settings)
    _refuse_unusable_billers(settings)
    secrets = settings.stripe_webhook_secrets
    if not 1 <= len(secrets) <= 2:  # noqa: PLR2004 - the old and the new, while one is being replaced
        raise SettingsError("STRIPE_WEBHOOK_SECRETS must name one secret, or two during a rotation")
    if any(len(secret) < WEBHOOK_SECRET_CHARS_MIN for secret in secrets):
        raise SettingsError(f"STRIPE_WEBHOOK_SECRETS must be at least {WEBHOOK_SECRET_CHARS_MIN} characters each")
    if not settings.stripe_secret_key:
        raise SettingsError("STRIPE_SECRET_KEY must not be empty")
    _refuse_reused(settings)
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
    if not settings.is_sandboxed:
        _refuse_published(settings)
        _refuse_foreign_passkeys(settings)


def _refuse_open(settings: Settings) -> None:
    """Refuse what would let in whom it should not, and an address that nobody could reach."""
    for name, url in (("LINLI_PUBLIC_URL", settings.public_url), ("LINLI_LIVE_URL", settings.live_url)):
        if not url.startswith(("https://", "http://")):
            raise SettingsError(f"{name} must be an http(s) URL")
    if not 0 <= settings.proxy_hops <= PROXY_HOPS_MAX:
        raise SettingsError(f"LINLI_PROXY_HOPS must be 0 to {PROXY_HOPS_MAX}")
    if settings.places < 1:
        raise SettingsError("LINLI_PLACES must be at least 1")
    if not 0 <= settings.dispatch_s <= DISPATCH_S_MAX:
        raise SettingsError(f"LINLI_DISPATCH_S must be 0 to {DISPATCH_S_MAX}")
    if settings.s3_url is not None and not (
        settings.s3_url.startswith(("https://", "http://"))
        and settings.s3_bucket
        and settings.s3_key_id
        and settings.s3_secret
    ):
        raise SettingsError("LINLI_S3_URL wants LINLI_S3_BUCKET, LINLI_S3_KEY_ID and LINLI_S3_SECRET, too")
    if settings.requests_per_minute < 0:
        raise SettingsError("LINLI_REQUESTS_PER_MINUTE must be 0 or more")
    if any(not _is_origin(origin) for origin in settings.cors_origins):
        raise SettingsError("LINLI_CORS_ORIGINS must be exact origins like https://app.example, comma separated")


def _refuse_unusable_billers(settings: Settings) -> None:
    """Refuse billers without a key, a key without billers, and billers of the sandbox in production."""
    if (settings.biller_url is None) != (settings.biller_key is None):
        raise SettingsError("LINLI_BILLER_URL wants LINLI_BILLER_KEY, and the other way round")
    if settings.biller_url is not None and urlsplit(settings.biller_url).scheme not in {"http", "https"}:
        raise SettingsError("LINLI_BILLER_URL must be an http(s) URL")
    if not settings.is_sandboxed and not (settings.biller_url or "https://").startswith("https://"):
        raise SettingsError("LINLI_BILLER_URL must be https in production: the sandbox billers are for development")


def _on_localhost(public_url: str) -> str:
    """Return the origin by which a browser makes passkeys for a development stack: no address of numbers will do."""
    parts = urlsplit(public_url)
    return f"http://localhost:{parts.port}" if parts.port else "http://localhost"


def _refuse_foreign_passkeys(settings: Settings) -> None:
    """Refuse a domain that is none, and pages that are not on it: no browser would make a passkey there."""
    domain = settings.passkey_rp_id
    if not _DOMAIN.fullmatch(domain):
        raise SettingsError("LINLI_PASSKEY_RP_ID must be a domain in production, like linli.example")
    if not settings.passkey_origins or any(not _is_on(origin, domain) for origin in settings.passkey_origins):
        raise SettingsError(
            "LINLI_PASSKEY_ORIGINS must be exact https origins on LINLI_PASSKEY_RP_ID, or android:apk-key-hash:…"
        )


def _is_on(origin: str, domain: str) -> bool:
    """Whether a page of ``origin`` may ask for passkeys of ``domain``; an app is named by the digest of its key."""
    if _APP.fullmatch(origin):
        return True
    parts = urlsplit(origin)
    host = parts.hostname or ""
    is_inside = host == domain or host.endswith(f".{domain}")
    return parts.scheme == "https" and is_inside and f"https://{parts.netloc}" == origin and "@" not in parts.netloc


def _is_origin(origin: str) -> bool:
    parts = urlsplit(origin)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and f"{parts.scheme}://{parts.netloc}" == origin


def _refuse_reused(settings: Settings) -> None:
    """One key serves one purpose, in whatever form it is given."""
    keys = [*settings.token_keys.values(), *settings.data_keys.values(), settings.index_key, settings.code_pepper]
    keys += [settings.seal_key] if settings.seal_key else []
    words = [settings.stripe_secret_key, *settings.stripe_webhook_secrets, settings.sms_key, settings.identity_key]
    words += [settings.metrics_key, settings.biller_key]
    forms = [*keys, *(_as_key(word) for word in words if word)]
    if len(set(forms)) != len(forms):
        raise SettingsError("each LINLI_* key and each STRIPE_* secret must be its own: one secret serves one purpose")


def _as_key(word: str) -> bytes:
    """Return the 32 bytes that a word stands for as a key of ours, or else the word itself."""
    try:
        decoded = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))
    except (binascii.Error, ValueError):
        return word.encode()
    return decoded if len(decoded) == SECRET_BYTES_MIN else word.encode()


def _refuse_published(settings: Settings) -> None:
    """Refuse in production what is short, or made of words that stand in every tutorial."""
    for name, word in (
        ("STRIPE_SECRET_KEY", settings.stripe_secret_key),
        *(("STRIPE_WEBHOOK_SECRETS", secret) for secret in settings.stripe_webhook_secrets),
        ("LINLI_SMS_KEY", settings.sms_key),
        ("LINLI_IDENTITY_KEY", settings.identity_key),
        ("LINLI_BILLER_KEY", settings.biller_key),
        ("LINLI_METRICS_KEY", settings.metrics_key),
    ):
        if word and (len(word) < SECRET_CHARS_MIN or any(part in word.lower() for part in _PUBLISHED)):
            raise SettingsError(f"{name} must be a secret of its own, {SECRET_CHARS_MIN} characters or more")


def _named_keys(name: str, value: str) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for part in value.split(","):
        key_id, colon, encoded = part.strip().partition(":")
        if not colon or not key_id or "." in key_id or key_id in keys:
            raise SettingsError(f"{name} must read key_id:base64url,… with each key id once")
        keys[key_id] = _key(name, encoded)
    return keys


def _optional_key(name: str, encoded: str) -> bytes | None:
    return _key(name, encoded) if encoded else None


def _key(name: str, encoded: str) -> bytes:
    try:
        key = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except (binascii.Error, ValueError):
        _refuse_key(name)
    if len(key) != SECRET_BYTES_MIN or _is_guessable(key):
        _refuse_key(name)
    return key


def _is_guessable(key: bytes) -> bool:
    """Whether bytes repeat, follow one another, or spell a text, as 32 random ones practically never do."""
    steps = {(after - before) % 256 for before, after in pairwise(key)}
    return len(set(key)) < DISTINCT_BYTES_MIN or len(steps) == 1 or all(0x20 <= byte < 0x7F for byte in key)  # noqa: PLR2004 - ASCII


def _refuse_key(name: str) -> NoReturn:
    raise SettingsError(f"{name} must be {SECRET_BYTES_MIN} random bytes in base64url") from None
