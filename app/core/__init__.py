"""The domains. Each has the same rooms: models, states (pure), rules (pure), repository, errors.

They stand on :mod:`app.core.ledger` and share :mod:`app.core.events`. They do not know one another: a use case joins
them.
"""
