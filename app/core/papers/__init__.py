"""Papers (证照): what a shop must hold to sell, who has looked at it, and until when it is good."""
