"""What is outside: each adapter fills a port of the core, and knows how one provider speaks."""
