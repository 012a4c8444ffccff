"""What can be done. One verb, one transaction, one story: find through the actor, decide, change, record."""
