"""What a campaign promises, as residents and operators are told."""

from app.core.catalog.models import Vertical
from app.core.promotions.rules import PERCENT_BP_MAX
from app.core.promotions.states import BenefitKind
from app.web.fields import Body, Choice, Fen, Id, Instant, Int, Many, Text


class PromiseOut(Body):
    """What a campaign promises: ``off_fen`` off goods of ``minimum_fen``, or a share of them up to ``off_fen``."""

    campaign_id = Id(required=True)
    name_zh = Text(high=100, required=True)
    name_en = Text(high=100, required=True)
    benefit = Choice(BenefitKind, required=True)
    minimum_fen = Fen(required=True)
    off_fen = Fen(required=True)
    percent_bp = Int(low=1, high=PERCENT_BP_MAX, required=True, allow_none=True)
    verticals = Many(Choice(Vertical), high=len(Vertical), required=True)
    starts_at = Instant(required=True)
