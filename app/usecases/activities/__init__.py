"""Community events: published, signed up for, entered, over. The event's row is locked before its sign-ups."""
