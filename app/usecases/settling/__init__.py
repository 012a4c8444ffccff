"""Settlement (结算): what was earned becomes available."""
