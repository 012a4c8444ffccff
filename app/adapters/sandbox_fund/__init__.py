"""A fund company for development and tests: it reads our orders and answers by files, with books of its own.

It shares no code with what it checks: its calendar is the library's, its arithmetic is fractions.
"""
