"""Wealth (财富): money-market funds that idle money is kept in, and who may buy what."""
