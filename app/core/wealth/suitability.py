"""Who may buy what (适当性): a questionnaire, levels of persons and of products, and what has to be read first. Pure.

Source: 证券期货投资者适当性管理办法 (证监会令第130号): persons C1 to C5, products R1 to R5. A person's level is asked
for anew every year here. C1 buys R1 and nothing above it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from app.core.wealth.errors import AnswersInvalid, AssessmentNeeded, DocumentsUnread, RiskMismatch

QUESTIONNAIRE_VERSION = 1
VALID_YEARS = 1
LEVEL_MAX = 5
LOWEST = 1


@dataclass(frozen=True, slots=True)
class Question:
    """One question and its answers, each with its points."""

    zh: str
    en: str
    answers: tuple[tuple[str, str, int], ...]


QUESTIONS: tuple[Question, ...] = (
    Question("您的年龄段是？", "How old are you?", (
        ("18 至 30 岁", "18 to 30", 4), ("31 至 50 岁", "31 to 50", 5), ("51 至 65 岁", "51 to 65", 2),
        ("65 岁以上", "Above 65", 0))),
    Question("您家庭的年收入是？", "What does your household earn in a year?", (
        ("5 万元以下", "Below 50,000 yuan", 0), ("5 至 20 万元", "50,000 to 200,000 yuan", 2),
        ("20 至 50 万元", "200,000 to 500,000 yuan", 4), ("50 万元以上", "Above 500,000 yuan", 5))),
    Question("您打算用其中多少来投资？", "How much of it do you want to invest?", (
        ("10% 以下", "Below 10 %", 0), ("10% 至 25%", "10 to 25 %", 2), ("25% 至 50%", "25 to 50 %", 4),
        ("50% 以上", "Above 50 %", 5))),
    Question("您有多少投资经验？", "How much have you invested so far?", (
        ("只有存款", "Deposits only", 0), ("货币或债券基金", "Money or bond funds", 2),
        ("股票或股票基金", "Shares or share funds", 4), ("期货、期权等", "Futures, options and the like", 5))),
    Question("这笔钱您打算放多久？", "For how long can you do without the money?", (
        ("不到三个月", "Less than three months", 0), ("三个月至一年", "Three months to a year", 2),
        ("一至三年", "One to three years", 4), ("三年以上", "More than three years", 5))),
    Question("如果一年内亏损 10%，您会？", "What if a tenth of it were lost within a year?", (
        ("我承受不了", "I could not bear it", 0), ("全部卖出", "I would sell everything", 1),
        ("卖出一部分", "I would sell a part", 3), ("继续持有或增加", "I would hold or add to it", 5))),
    Question("您投资的首要目标是？", "What do you want above all?", (
        ("尽量不亏损", "To lose as little as can be", 0), ("略高于存款", "A little more than a deposit", 2),
        ("长期增值", "Growth in the long run", 4), ("追求高收益，接受大波动", "High returns, at large swings", 5))),
)  # fmt: skip
"""The questionnaire of version :data:`QUESTIONNAIRE_VERSION`."""

FIRST_ANSWERS_OF_C1 = {5: 0}
"""Whoever gives this answer to this question is C1, whatever the points: who cannot bear a loss."""
_FLOORS = ((29, 5), (22, 4), (15, 3), (8, 2))
"""From so many points on, a person is of this level."""


@dataclass(frozen=True, slots=True)
class Document:
    """What has to be read before the first purchase, in the version of today."""

    kind: str
    version: int
    title_zh: str
    title_en: str
    text_zh: str
    text_en: str


DOCUMENTS: tuple[Document, ...] = (
    Document(
        "fund_contract", 1, "基金合同摘要", "Summary of the fund contract",
        "本产品为货币市场基金。每份基金份额净值一元，收益每日结转为份额，可能高也可能低，也可能为零。",
        "This is a money-market fund. A unit is worth one yuan; each day's income, which rises and falls and may be"
        " nothing, becomes units.",
    ),
    Document(
        "risk_disclosure", 1, "风险揭示书", "Risk disclosure",
        "基金不是存款，存在本金损失的可能。过往收益不预示未来表现。遇巨额赎回时，到账时间可能推迟。",
        "A fund is no deposit; money put into it may be lost. Past income tells nothing of future income. When many"
        " redeem at once, payment may take longer.",
    ),
    Document(
        "fast_redemption", 1, "快速赎回服务协议", "Terms of fast redemption",
        "快速赎回由银行垫付资金，每人每只基金每日限额一万元，赎回当日不计收益；额度用完或服务暂停时，可使用普通赎回。",
        "Fast redemption is advanced by the bank: at most 10,000 yuan a person, fund and day, without income for that"
        " day. When the quota is used up or the service rests, the normal way remains.",
    ),
)  # fmt: skip


TERM_DOCUMENTS: tuple[Document, ...] = (
    Document(
        "term_prospectus",
        1,
        "理财产品说明书摘要",
        "Summary of the prospectus",
        "本产品有固定期限，成立后按约定利率计息；遇节假日兑付顺延至下一交易日，顺延期间不计利息。不允许提前支取的产品须持有至到期。",
        "The product has a fixed term and earns by the agreed rate; when it ends on a holiday it is paid on the next"
        " trading day, and the days between earn nothing. Where no early end is allowed it is held to its day.",
    ),
    Document(
        "term_risk_disclosure",
        1,
        "理财产品风险揭示书",
        "Risk disclosure of term products",
        "理财非存款，产品有风险，投资须谨慎。发行人可能无法按期兑付，本金可能受损。",
        "A term product is no deposit. The issuer may fail to pay in time or in full, and principal may be lost.",
    ),
)
"""What has to be read before the first subscription to a term product."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """A person's latest level, and until when it counts."""

    level: int
    version: int
    expires_on: date
    accepted_level: int = 0
    """Up to which risk the person wants products above their level, confirmed after the cooling time."""


def assess(answers: Sequence[int], version: int) -> tuple[int, int]:
    """Return points and level (1 to 5) of a questionnaire.

    :param answers: the place of each answer, from 0; one per question.
    :raises AnswersInvalid: of another version, or not one answer for each question.
    """
    is_fitting = version == QUESTIONNAIRE_VERSION and len(answers) == len(QUESTIONS)
    if not is_fitting or any(
        not 0 <= answer < len(question.answers) for question, answer in zip(QUESTIONS, answers, strict=True)
    ):
        raise AnswersInvalid(pointer="/answers", version=QUESTIONNAIRE_VERSION)
    score = sum(question.answers[answer][2] for question, answer in zip(QUESTIONS, answers, strict=True))
    if any(answers[place] == answer for place, answer in FIRST_ANSWERS_OF_C1.items()):
        return score, LOWEST
    return score, next((level for floor, level in _FLOORS if score >= floor), LOWEST)


def unread(read: Collection[tuple[str, int]], documents: Sequence[Document] = DOCUMENTS) -> list[str]:
    """Return the kinds of documents whose version of today was not agreed to."""
    return [document.kind for document in documents if (document.kind, document.version) not in read]


def require_suitable(
    found: Assessment | None,
    *,
    today: date,
    product_level: int,
    read: Collection[tuple[str, int]],
    documents: Sequence[Document] = DOCUMENTS,
) -> None:
    """Refuse a purchase by somebody whom the product does not suit, or who has not read what it is.

    :raises AssessmentNeeded: no questionnaire, one of an old version, or one of more than a year ago.
    :raises RiskMismatch: the product is riskier than the person's level, and than what they have confirmed to want.
        C1 never gets around it.
    :raises DocumentsUnread: parameter ``kinds``.
    """
    if found is None or found.version != QUESTIONNAIRE_VERSION or found.expires_on <= today:
        raise AssessmentNeeded(version=QUESTIONNAIRE_VERSION)
    if product_level > found.level and (found.level == LOWEST or product_level > found.accepted_level):
        raise RiskMismatch(level=found.level, product_level=product_level)
    if lacking := unread(read, documents):
        raise DocumentsUnread(kinds=lacking)
