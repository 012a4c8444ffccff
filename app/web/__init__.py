"""What doors share: who asks, parsing, problems, paging, idempotency, OpenAPI. Knows HTTP, and no table."""
