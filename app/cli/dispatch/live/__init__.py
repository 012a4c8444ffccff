"""Replay through the HTTP API: the live dispatch code on a virtual clock, shops and couriers who act as in memory."""
