"""What staff of a store look at in a shop (走访清单), by version: rows. A version that was used is never changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.core.visiting.errors import AnswersInvalid, ChecklistOutdated


class Answer(StrEnum):
    """What was found at a point."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Point:
    """Something to look at; a grave one that fails is always looked into by the platform."""

    code: str
    title_zh: str
    title_en: str
    is_grave: bool = False


CHECKLISTS: Mapping[int, tuple[Point, ...]] = {
    1: (
        Point("license_shown", "证照已公示且与登记一致", "Licenses are shown and are those on record", is_grave=True),
        Point("premises_match", "门店地址与登记一致", "The premises are where the record says", is_grave=True),
        Point("kitchen_clean", "操作间整洁", "The kitchen or back room is clean", is_grave=True),
        Point("in_date", "在售商品在保质期内", "What is sold is within its date", is_grave=True),
        Point("cold_chain", "冷藏冷冻温度合格", "What must be cold is cold"),
        Point("prices_match", "线上线下价格一致", "Prices online are those in the shop"),
        Point("stock_match", "库存与线上一致", "What is on sale online is there"),
        Point("packing", "包装与封签齐备", "Packing and seals are there"),
        Point("hours_kept", "按公示时间营业", "It is open when it says"),
        Point("staff_trained", "员工会接单与出餐", "Staff can accept and hand over orders"),
    )
}
VERSION = max(CHECKLISTS)
"""The version that visits are recorded by today."""


def failed_points(version: int, answers: Mapping[str, Answer]) -> list[Point]:
    """Return the points of today's checklist that failed.

    :raises ChecklistOutdated: it is not today's version. :raises AnswersInvalid: a point is unknown, or has no answer.
    """
    if version != VERSION:
        raise ChecklistOutdated(pointer="/checklist_version", version=VERSION)
    points = CHECKLISTS[version]
    if set(answers) != {point.code for point in points}:
        raise AnswersInvalid(pointer="/answers", points=[point.code for point in points])
    return [point for point in points if answers[point.code] is Answer.FAILED]
