"""Opening and closing tills, cash in and out at the desk, cash on its way between tills."""
