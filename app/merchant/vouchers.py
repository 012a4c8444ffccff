"""Routes by which shops redeem vouchers, and say what they are good for."""

from typing import Any
from uuid import UUID

from app.core.vouchers.rules import CODE_DIGITS, USES_MAX, VALID_DAYS_MAX
from app.core.vouchers.states import VoucherState
from app.kernel.actor import Actor
from app.kernel.transaction import Claim
from app.usecases.vouchers.issue import VoucherTermsSet, set_voucher_terms
from app.usecases.vouchers.spend import VoucherStands, redeem_voucher
from app.web.door import Door
from app.web.fields import Body, Choice, Fen, Id, Int, Pattern
from app.web.policy import Relation, policy
from app.web.views import COUNT_MAX


class RedemptionIn(Body):
    """The code that was shown. ``uses_left`` guards a card with many uses: how many it should have before this one."""

    code = Pattern(rf"[0-9]{{{CODE_DIGITS}}}", high=CODE_DIGITS, required=True)
    uses_left = Int(low=1, high=USES_MAX, load_default=None, allow_none=True)


class RedemptionOut(Body):
    """What was redeemed, and what it released."""

    voucher_id = Id(required=True)
    order_id = Id(required=True)
    state = Choice(VoucherState, required=True)
    uses_left = Int(low=0, high=USES_MAX, required=True)
    amount_fen = Fen(high=COUNT_MAX, required=True)


class VoucherTermsIn(Body):
    """How often a voucher can be used, and for how many days from its purchase."""

    uses = Int(low=1, high=USES_MAX, required=True)
    valid_days = Int(low=1, high=VALID_DAYS_MAX, required=True)


class VoucherTermsOut(VoucherTermsIn):
    """What holds from now on."""

    sku_id = Id(required=True)


def add_redemption(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.post("/shops/<uuid:shop_id>/voucher-redemptions", body=RedemptionIn, answer=RedemptionOut, once=True)
    @policy("voucher.redeem", Relation.OWN_SHOP)
    def redeem(actor: Actor, *, claim: Claim, shop_id: UUID, body: dict[str, Any]) -> VoucherStands:
        """Redeem one use of a voucher that is shown in the shop."""
        return redeem_voucher(actor, claim, shop_id=shop_id, **body)

    @door.put(
        "/shops/<uuid:shop_id>/skus/<uuid:sku_id>/voucher-terms", body=VoucherTermsIn, answer=VoucherTermsOut, once=True
    )
    @policy("offer.write", Relation.OWN_SHOP)
    def put_voucher_terms(
        actor: Actor, *, claim: Claim, shop_id: UUID, sku_id: UUID, body: dict[str, Any]
    ) -> VoucherTermsSet:
        """Say what vouchers of a SKU are good for."""
        return set_voucher_terms(actor, claim, shop_id=shop_id, sku_id=sku_id, **body)
