"""The training quiz of couriers (岗前培训): versioned questions, a pass mark, a limited number of tries. Our own rule.

A version is never changed once people have answered it: a change is a new version, and records
name the one they passed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

PASS_PERCENT = 80
TRIES_A_DAY_MAX = 3
VERSION = 1


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its possible answers, in Chinese and English; ``right`` is the place of the right one."""

    zh: str
    en: str
    answers_zh: tuple[str, ...]
    answers_en: tuple[str, ...]
    right: int


QUESTIONS: Sequence[Question] = (
    Question(
        "顾客不在家且未约定放置时，应当？",
        "Nobody is at home, and nothing was agreed. What do you do?",
        ("放在门口离开", "联系顾客，联系不上再报告配送失败", "带回家"),
        ("Leave it at the door", "Ask the resident; if they do not answer, report a failure", "Take it home"),
        1,
    ),
    Question(
        "骑行途中手机响起派单提示，应当？",
        "The phone offers a trip while you ride. What do you do?",
        ("边骑边看", "停稳后再看；不应答没有任何处罚", "加速骑行"),
        ("Look while riding", "Stop first; not answering costs nothing", "Ride faster"),
        1,
    ),
    Question(
        "取餐时件数与订单不符，应当？",
        "The number of pieces at the counter is not the order's. What do you do?",
        ("照取不误", "请店铺核对后再取", "自己补买"),
        ("Take it as it is", "Let the shop check before you take it", "Buy what is missing"),
        1,
    ),
    Question(
        "顾客的电话和地址可以？",
        "A resident's phone and address may be …",
        ("仅用于本次配送", "转发给同事", "保存以便推销"),
        ("used for this delivery alone", "sent to colleagues", "kept for advertising"),
        0,
    ),
    Question(
        "遇到交通事故，首先应当？",
        "There is an accident. What comes first?",
        ("先送完单", "保证自身安全、求助并报告", "离开现场"),
        ("Deliver first", "Be safe, call for help and report it", "Leave"),
        1,
    ),
)


def score_percent(answers: Sequence[int]) -> int:
    """Return how many percent of ``answers``, places in the order of the questions, are right; rounded down."""
    right = sum(answer == question.right for answer, question in zip(answers, QUESTIONS, strict=True))
    return right * 100 // len(QUESTIONS)
