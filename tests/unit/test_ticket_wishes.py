from __future__ import annotations

from datetime import UTC, datetime

from app.core.orders.ticket import COLUMNS, Ticket, TicketLine, body_of, width_of


def a_ticket(*, note: str = "", cutlery_count: int | None = None, is_gift: bool = False) -> list[str]:
    return body_of(
        Ticket(
            number="0302-0000-0001",
            shop_name="惠民小店",
            way="配送",
            lines=[TicketLine(name="牛肉面", option="大份", quantity=2, note=note)],
            note="",
            placed_at=datetime(2026, 3, 2, 4, tzinfo=UTC),
            ready_by=None,
            is_shorted=False,
            cutlery_count=cutlery_count,
            is_gift=is_gift,
        )
    )


def test_a_note_stands_below_its_line_and_is_broken_to_the_paper() -> None:
    lines = a_ticket(note="不要香菜" * 10)

    noted = [line for line in lines if line.startswith("  * ")]
    assert "".join(line[4:] for line in noted) == "不要香菜" * 10
    assert all(width_of(line) <= COLUMNS for line in lines)


def test_cutlery_is_said_only_where_something_was_wished() -> None:
    assert not [line for line in a_ticket() if "餐具" in line]
    assert "不需要餐具" in a_ticket(cutlery_count=0)
    assert "餐具 3 份" in a_ticket(cutlery_count=3)


def test_a_gift_goes_without_a_price() -> None:
    assert "礼物: 袋中勿放价格" in a_ticket(is_gift=True)
    assert not [line for line in a_ticket() if "礼物" in line]
