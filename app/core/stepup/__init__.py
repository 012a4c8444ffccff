"""Step-up (二次验证): proof, beyond the session, that a payment from the e-account is meant by its owner."""
