"""The sandbox gateway (沙箱网关): plays Stripe for what Linli uses, and the person with WeChat on the other side.

It stands *outside* the platform: it has a store of its own, shares no table, and is spoken to over HTTP only.
What it acknowledged survives ``kill -9``; notices that it owes are delivered after a restart. Its faults are
seeded, so a bad day can be had again.

The modules, from the ground up: ``options`` and ``faults`` (what it was told), ``store`` (durable state, one
writer), ``objects`` (Stripe's shapes), ``parameters`` (what a request may say), ``moves`` (what happens to
money), ``webhooks`` and ``timers`` (what it does by itself), ``api`` (Stripe's door), ``pages`` (a person's
door and the tests'), ``server`` (HTTP).
"""
