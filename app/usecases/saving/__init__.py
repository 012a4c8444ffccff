"""Saving: suitability, orders of funds, income, the fund company's files."""
