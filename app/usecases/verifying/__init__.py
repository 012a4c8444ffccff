"""Verification: checks by outside parties, and face to face at an experience store."""
