"""What can be wrong with funds, their orders and their files."""

from app.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable


class FundNotFound(NotFound):
    """There is no such fund."""

    code = "fund_not_found"
    title = "Fund not found"


class AcceptanceNotFound(NotFound):
    """The asker has not said that they want such risk, or has been assessed anew since."""

    code = "risk_acceptance_not_found"
    title = "No such request for more risk"


class AcceptanceRefused(Conflict):
    """Nobody at the lowest level buys above it, and who is high enough needs no confirmation; parameter ``level``."""

    code = "risk_acceptance_refused"
    title = "There is nothing to be accepted"


class AcceptanceCooling(Conflict):
    """The cooling time is not over, or what followed it is; parameter ``ready_at``."""

    code = "risk_acceptance_cooling"
    title = "It cannot be confirmed now"


class TermTermsInvalid(Invalid):
    """Terms of a product contradict each other, or its opening is not ahead; the pointer says where."""

    code = "term_terms_invalid"
    title = "The terms do not fit together"


class FundOrderNotFound(NotFound):
    """No such order of a fund, or not one of the asker's."""

    code = "fund_order_not_found"
    title = "Fund order not found"


class CalendarUnknown(Unavailable):
    """The table of trading days ends before the order could be confirmed."""

    code = "trading_calendar_unknown"
    title = "The trading days are not known yet"


class CalendarRefused(Invalid):
    """A year of trading days is incomplete, contradicts a known one, or leaves a gap; parameter ``reason``."""

    code = "trading_calendar_refused"
    title = "The trading days were not taken"


class AnswersInvalid(Invalid):
    """The answers do not fit the questionnaire of today; parameter ``version``."""

    code = "risk_answers_invalid"
    title = "The answers do not fit the questionnaire"


class AssessmentNeeded(Forbidden):
    """No assessment was made, or it is of another version, or a year old."""

    code = "risk_assessment_needed"
    title = "A risk assessment is needed"


class RiskMismatch(Forbidden):
    """The product is riskier than the person's level."""

    code = "risk_mismatch"
    title = "The product is above your risk level"


class DocumentsUnread(Forbidden):
    """Documents of the product were not agreed to in their present version; parameter ``kinds``."""

    code = "documents_unread"
    title = "Documents have to be read first"


class DocumentVersionUnknown(Invalid):
    """There is no such document, or its version of today is another."""

    code = "document_version_unknown"
    title = "There is no such version of the document"


class BelowFundMinimum(Invalid):
    """Less than the fund takes; parameter ``minimum_fen``."""

    code = "below_fund_minimum"
    title = "Below the fund's minimum"


class FundUnitsInsufficient(Conflict):
    """More than is held; parameter ``available_fen``."""

    code = "fund_units_insufficient"
    title = "Not that much is held"


class FastRedemptionExceeded(Conflict):
    """More than is left of today's cap of fast redemptions; parameters ``cap_fen`` and ``left_fen``."""

    code = "fast_redemption_exceeded"
    title = "Over the day's cap of fast redemptions"


class FundOrderPastCutOff(Conflict):
    """The order's cut-off has passed; it can no longer be canceled."""

    code = "fund_order_past_cut_off"
    title = "Too late to cancel"


class SavingsPlanNotFound(NotFound):
    """No such savings plan, or not one of the asker's."""

    code = "savings_plan_not_found"
    title = "Savings plan not found"


class SavingsPlanStopped(Conflict):
    """The plan was stopped before."""

    code = "savings_plan_stopped"
    title = "The savings plan is stopped"


class PlanDayPast(Invalid):
    """A plan cannot begin in the past."""

    code = "plan_day_past"
    title = "The day is over"


class SweepRuleNotFound(NotFound):
    """There is no sweep rule of the asker's."""

    code = "sweep_rule_not_found"
    title = "Sweep rule not found"


class TermProductNotFound(NotFound):
    """There is no such term product."""

    code = "term_product_not_found"
    title = "Product not found"


class TermSubscriptionNotFound(NotFound):
    """No such subscription, or not one of the asker's."""

    code = "term_subscription_not_found"
    title = "Subscription not found"


class TermNotOpen(Conflict):
    """The sale has not begun, or is over; parameter ``opens_in_s``."""

    code = "term_not_open"
    title = "Not on sale now"


class TermSoldOut(Conflict):
    """Nothing is left that could be sold."""

    code = "term_sold_out"
    title = "Sold out"


class TermQuotaRemainder(Conflict):
    """Less is left than was asked for; parameter ``left_fen`` is what can be had."""

    code = "term_quota_remainder"
    title = "Less is left"


class TermAmountInvalid(Invalid):
    """Below the minimum, or off the step; parameters ``minimum_fen`` and ``step_fen``."""

    code = "term_amount_invalid"
    title = "The amount does not fit"


class TermCapExceeded(Conflict):
    """More than one person may have of the product; parameters ``cap_fen`` and ``left_fen``."""

    code = "term_cap_exceeded"
    title = "Over the cap of one person"


class TermConfirmLate(Conflict):
    """The time to confirm is over; what was held goes back."""

    code = "term_confirm_late"
    title = "Too late to confirm"


class TermExitRefused(Conflict):
    """The product does not end before its day."""

    code = "term_exit_refused"
    title = "No early end"


class FundDayNotOver(Conflict):
    """The day is not over, or the day of payment has not come."""

    code = "fund_day_not_over"
    title = "The day is not over"


class FundOrdersUndecided(Conflict):
    """Orders that should earn by this day are not confirmed yet; parameter ``count``. Income waits for them."""

    code = "fund_orders_undecided"
    title = "Orders of the fund are undecided"


class YieldMissing(Conflict):
    """The fund has not published the day's income; parameter ``day``. Nothing is accrued for it, and nothing after."""

    code = "yield_missing"
    title = "The day's income is not published"


class FundFileTooLarge(Invalid):
    """A file is longer than any that is right; parameters ``bytes_max`` and ``lines_max``."""

    code = "fund_file_too_large"
    title = "The fund company's file is too large"


class FundFileMalformed(Invalid):
    """A file of the fund company cannot be read; parameter ``line``."""

    code = "fund_file_malformed"
    title = "The fund company's file is malformed"


class FundFileOfAnother(Invalid):
    """A file of the fund company is about another fund or another day."""

    code = "fund_file_of_another"
    title = "The file is of another fund or day"


class YieldGap(Invalid):
    """The file leaves days out; parameters ``day`` (the one that is missing) and ``found``."""

    code = "yield_gap"
    title = "A day's income is missing in the file"


class YieldRepeated(Invalid):
    """The file names a day twice."""

    code = "yield_repeated"
    title = "A day stands twice in the file"


class YieldNegative(Invalid):
    """Income below zero, or beyond anything a money-market fund has: for a person to look at."""

    code = "yield_implausible"
    title = "The income is not plausible"


class YieldContradicts(Conflict):
    """The day is known with other figures, and the file does not say that it restates them."""

    code = "yield_contradicts"
    title = "The day is known with other figures"


class SevenDayDiffers(Invalid):
    """The published seven-day yield is not what the seven days come to; parameters ``published_e3``, ``ours_e3``."""

    code = "seven_day_differs"
    title = "The seven-day yield does not fit"


class ConfirmationContradicts(Conflict):
    """A confirmation is about no order of ours, or not about its amount, or other than the one before."""

    code = "confirmation_contradicts"
    title = "The confirmation contradicts the order"


class RoundingBroken(Conflict):
    """The fund's declared income and what holders earn differ by more than a fen a holder: nothing is accrued."""

    code = "fund_rounding_broken"
    title = "The declared income does not fit"
