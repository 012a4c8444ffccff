"""Who earns what and when it may be used (结算): items born at completion, moved to available a day later."""
