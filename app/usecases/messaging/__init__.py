"""Messaging: the thread of an order, between its resident, its courier and its shop."""
