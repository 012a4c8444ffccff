"""Transfers (转账) between residents: to payees who have cooled, within a day's cap."""
