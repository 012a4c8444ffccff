"""What can be done: one verb per function, one transaction, one story: find through the actor, decide, change, record."""
