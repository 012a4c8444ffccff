"""Campaigns of the platform and the coupons that residents hold of them (平台活动与优惠券)."""
