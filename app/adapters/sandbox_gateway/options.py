"""What the process was told, by command line or by ``SANDBOX_…`` in the environment; the command line wins."""

import argparse
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.adapters.sandbox_gateway.faults import FaultPlan
from app.adapters.stripe.signature import WebhookVerifier

DEFAULT_EVENTS = (
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "charge.refunded",
    "charge.refund.updated",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How this sandbox behaves.

    :ivar data: folder of its store. :ivar public_url: where people reach it; goes into the codes to scan.
    :ivar secret_key: the one API key it accepts, ``sk_test_…``. :ivar webhook_url: where notices go; ``None``
    sends none.
    :ivar webhook_events: types of notices that are sent; every event is recorded in any case.
    :ivar qr_expiry_s: seconds until a code can no longer be paid. :ivar refund_delay_s: seconds a refund stays
    pending; 0 is at once.
    :ivar fee_bp: what the gateway keeps of a charge, hundredths of a percent. :ivar retry_horizon_s: seconds
    until a notice is given up. :ivar dispute_fee: what the gateway takes for each dispute, fen. :ivar dispute_days: how
        long a dispute may be answered.
    """

    host: str
    port: int
    data: Path
    public_url: str
    secret_key: str
    webhook_url: str | None
    webhook_secret: str
    webhook_events: frozenset[str]
    qr_expiry_s: float
    refund_delay_s: float
    fee_bp: int
    retry_horizon_s: float
    dispute_fee: int
    dispute_days: float
    seed: int
    faults: FaultPlan


def read(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Return the options, or leave the program with one clear line."""
    parser = argparse.ArgumentParser(prog="python -m app.adapters.sandbox_gateway", description=__doc__)

    def add(name: str, default: str | None, *, explain: str) -> None:
        variable = "SANDBOX_" + name.upper().replace("-", "_")
        value = environment.get(variable, default)
        parser.add_argument(f"--{name}", default=value, required=value is None, help=f"{explain} ({variable})")

    add("host", "127.0.0.1", explain="address to listen on")
    add("port", None, explain="port to listen on")
    add("data", None, explain="folder of the store")
    add("public-url", "", explain="where people reach this process; default http://127.0.0.1:PORT")
    add("secret-key", "sk_test_linli_sandbox", explain="the API key that is accepted")
    add("webhook-url", "", explain="where notices are sent")
    add(
        "webhook-secret",
        "",
        explain="signs the notices, at least 32 characters; default: one made at random, and useless",
    )
    add("webhook-events", ",".join(DEFAULT_EVENTS), explain="types of notices to send, comma separated, or *")
    add("qr-expiry-s", "600", explain="seconds until a code expires")
    add("refund-delay-s", "0", explain="seconds a refund stays pending")
    add("fee-bp", "0", explain="fee on a charge, hundredths of a percent")
    add("retry-horizon-s", "600", explain="seconds until a notice is given up")
    add("dispute-fee", "1500", explain="fee of a dispute, fen")
    add("dispute-days", "7", explain="days until a dispute must be answered")
    add("seed", "0", explain="seed of the faults")
    add(
        "faults",
        "",
        explain="name=rate,… of lost_reply, duplicate, late, reorder, error_500, slow, refund_back;"
        " late_s, reorder_s, slow_s, refund_back_s",
    )
    given = parser.parse_args(arguments)

    try:
        if not given.secret_key.startswith("sk_test_"):
            raise ValueError("the secret key must begin with sk_test_")  # noqa: TRY301 - one exit for what is not understood
        webhook_secret = given.webhook_secret or secrets.token_urlsafe(32)
        WebhookVerifier([webhook_secret])
        return Options(
            host=given.host,
            port=int(given.port),
            data=Path(given.data),
            public_url=(given.public_url or f"http://127.0.0.1:{int(given.port)}").rstrip("/"),
            secret_key=given.secret_key,
            webhook_url=given.webhook_url or None,
            webhook_secret=webhook_secret,
            webhook_events=frozenset(given.webhook_events.split(",")),
            qr_expiry_s=float(given.qr_expiry_s),
            refund_delay_s=float(given.refund_delay_s),
            fee_bp=int(given.fee_bp),
            retry_horizon_s=float(given.retry_horizon_s),
            dispute_fee=int(given.dispute_fee),
            dispute_days=float(given.dispute_days),
            seed=int(given.seed),
            faults=FaultPlan.parse(given.faults),
        )
    except ValueError as error:
        parser.error(str(error))
