"""Attribution (归属) of residents, shops and couriers to stores, and figures of stores day by day (经营指标)."""
