"""Deciding with two pairs of eyes."""
