"""Passkeys: added, named and removed; signing in and confirming with one."""
