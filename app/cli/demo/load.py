"""Write the demo world into the database: once, whole or not at all."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any, cast
from uuid import UUID

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from sqlalchemy import Table, insert, text

from app.cli.demo.products import joined, offer_row, sku_rows
from app.cli.demo.shapes import Address, Deposit, Paper, Person, Shop, World
from app.cli.demo.world import PIN, build_world
from app.core.accounts.models import AccountRow, AddressRow, MembershipRow
from app.core.catalog.models import MerchantRow, OfferRow, ShopRow, SkuRow, StockRow
from app.core.catalog.records import StandardProductRow
from app.core.communities.models import CommunityRow, StoreRow
from app.core.delivery.models import CourierRow
from app.core.ledger import Journal, JournalKind, Leg, codes, post_many
from app.core.papers.models import PaperRow
from app.core.papers.rules import next_look_at
from app.core.papers.states import PaperState
from app.core.privacy.models import ASKED_FOR, CURRENT_VERSIONS, ConsentRow
from app.core.stepup.models import PaymentPinRow
from app.core.stepup.pins import TRIES
from app.core.verification.levels import Level
from app.kernel.db import Base
from app.kernel.ids import new_id
from app.kernel.sealing import blind_index, seal
from app.kernel.timers import TimerRow
from app.kernel.transaction import Transaction, read, transaction
from app.usecases.billing.list_billers import put_billers, read_billers
from app.usecases.licensing.review import PAPER_LOOKED_AT
from app.usecases.saving.days import launch_fund
from app.usecases.stepping_up.payment_pin import pin_digest

BATCH_ROWS_MAX = 2000
_ONE_LOADER = 7_146_114
FUND_CODE = "demo-phoenix"

_OPEN = text(
    """
    SELECT business_now() AS now, (business_now() AT TIME ZONE 'Asia/Shanghai')::date AS today,
           EXISTS (SELECT 1 FROM stores) AS is_loaded
    """
)
_FUND = text("SELECT 1 FROM funds WHERE code = :code")
_TAKEN = text("SELECT count(*) FROM accounts WHERE phone_index = ANY(:phone_indexes)")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Rows on their way into one table."""

    model: type[Base]
    rows: list[Row]

    @property
    def table(self) -> Table:
        """The table that the rows are for."""
        return cast("Table", self.model.__table__)


def load_world(seed: int) -> World | None:
    """Write the world of ``seed`` and put the residents' first money on their e-accounts.

    The world is built before the transaction that writes it, for that takes seconds. It writes behind a lock: of two
    loaders at once the second finds the world there.

    :returns: the world, or None when there were stores already; then nothing is changed.
    :raises click.ClickException: somebody already signed in with a phone number of the world; nothing is changed.
    """
    found = read(_OPEN, {}).one()
    if found.is_loaded:
        return None
    world = build_world(seed, today=found.today)
    shelves, journals = list(_shelves(seed, world, found.now)), [_journal(deposit) for deposit in world.deposits]
    with transaction() as tx:
        tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_LOADER})
        if tx.execute(_OPEN).one().is_loaded:
            return None
        _refuse_taken_phones(tx, world)
        _write(tx, shelves)
        post_many(tx, journals)
    return world


def load_billers() -> int:
    """Make the demo's billers known, also in a world that was loaded before there were any; return how many."""
    with files("app.cli.demo").joinpath("data/billers.csv").open(encoding="utf-8") as lines:
        return put_billers(read_billers(lines))


def load_fund() -> None:
    """Open the demo's fund, unless it is there: its first income is today's."""
    with transaction() as tx:
        is_there = tx.execute(_FUND, {"code": FUND_CODE}).first() is not None
        today = tx.execute(_OPEN).one().today
    if not is_there:
        launch_fund(code=FUND_CODE, name_zh="演示凤凰宝", name_en="Demo Phoenix", first_day=today)


def _refuse_taken_phones(tx: Transaction, world: World) -> None:
    indexes = [blind_index(person.phone, context="accounts.phone") for person in world.people]
    taken = tx.execute(_TAKEN, {"phone_indexes": indexes}).scalar_one()
    if taken:
        raise click.ClickException(f"{taken} of the demo's phone numbers have accounts already: take an empty database")


def _write(tx: Transaction, shelves: list[Shelf]) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("demo", total=sum(len(shelf.rows) for shelf in shelves))
        for shelf in shelves:
            progress.update(task, description=shelf.table.name)
            for start in range(0, len(shelf.rows), BATCH_ROWS_MAX):
                batch = shelf.rows[start : start + BATCH_ROWS_MAX]
                tx.connection.execute(insert(shelf.table), batch)
                progress.advance(task, len(batch))


def _shelves(seed: int, world: World, now: datetime) -> Iterator[Shelf]:
    """Yield the rows of each table, a table after those that it refers to."""
    yield Shelf(StoreRow, _as_rows(world.stores))
    yield Shelf(CommunityRow, _as_rows(world.communities))
    yield Shelf(AccountRow, [_account(person) for person in world.people])
    yield Shelf(ConsentRow, [said for person in world.people for said in _agreed(person.account_id, now)])
    yield Shelf(PaymentPinRow, [_pin(deposit) for deposit in world.deposits])
    yield Shelf(MembershipRow, _as_rows(world.memberships))
    yield Shelf(AddressRow, [_address(address) for address in world.addresses])
    yield Shelf(CourierRow, _as_rows(world.couriers))
    yield Shelf(MerchantRow, _as_rows(world.merchants))
    yield Shelf(ShopRow, [_shop(shop) for shop in world.shops])
    yield Shelf(PaperRow, [_paper(paper, now) for paper in world.papers])
    yield Shelf(TimerRow, [look for paper in world.papers for look in _looks(paper, now)])
    products, said = sku_rows(seed, world)
    yield Shelf(StandardProductRow, products)
    yield Shelf(OfferRow, joined(_as_rows(world.offers), map(offer_row, world.offers)))
    yield Shelf(SkuRow, joined(_as_rows(world.skus), said))
    yield Shelf(StockRow, _as_rows(world.stock))


def _as_rows(things: Iterable[Any]) -> list[Row]:
    return [asdict(thing) for thing in things]


def _account(person: Person) -> Row:
    return {
        "account_id": person.account_id,
        "phone_sealed": seal(person.phone, context="accounts.phone"),
        "phone_index": blind_index(person.phone, context="accounts.phone"),
        "name_sealed": seal(person.name, context="accounts.name"),
        "verification_level": Level.THREE,
    }


def _agreed(account_id: UUID, now: datetime) -> Iterator[Row]:
    for purpose in sorted(ASKED_FOR):
        yield {
            "consent_id": new_id(),
            "account_id": account_id,
            "purpose": purpose.value,
            "version": CURRENT_VERSIONS[purpose],
            "is_given": True,
            "said_at": now,
        }


def _pin(deposit: Deposit) -> Row:
    digest = pin_digest(deposit.account_id, PIN)
    return {"account_id": deposit.account_id, "digest": digest, "tries_left": TRIES}


def _address(address: Address) -> Row:
    row = asdict(address)
    door = orjson.dumps(row.pop("door")).decode()
    return {**row, "door_sealed": seal(door, context="addresses.door")}


def _shop(shop: Shop) -> Row:
    row = asdict(shop)
    return {**row, "phone_sealed": seal(row.pop("phone"), context="shops.phone")}


def _paper(paper: Paper, now: datetime) -> Row:
    state = {"state": PaperState.APPROVED.value, "submitted_at": now, "decided_at": now}
    return {**asdict(paper), **state, "photo_reference": f"demo-{paper.paper_id}"}


def _looks(paper: Paper, now: datetime) -> Iterator[Row]:
    due_at = None if paper.expires_on is None else next_look_at(paper.expires_on, now)
    if due_at is not None:
        yield {"kind": PAPER_LOOKED_AT, "subject_id": paper.paper_id, "due_at": due_at}


def _journal(deposit: Deposit) -> Journal:
    return Journal(
        key=f"demo-deposit:{deposit.account_id}",
        kind=JournalKind.OPENING,
        legs=(
            Leg(codes.BANK_SETTLEMENT, -deposit.amount_fen),
            Leg(codes.e_account(deposit.account_id), deposit.amount_fen),
        ),
        ref=str(deposit.account_id),
    )
