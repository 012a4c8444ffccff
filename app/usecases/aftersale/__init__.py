"""What residents, shops, the platform and time do about cases after the sale, and about replacements."""
