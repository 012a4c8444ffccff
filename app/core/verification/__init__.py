"""Verification (实名): how well we know who somebody is, and what money may therefore do."""
