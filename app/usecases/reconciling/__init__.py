"""Reconciliation (对账): our books against the files of providers and banks."""
