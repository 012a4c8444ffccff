"""What people are told, and by which channel: the text-message port."""
