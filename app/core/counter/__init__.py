"""Payments at a shop's counter (当面付): a resident shows a one-minute code, or scans the shop's."""
