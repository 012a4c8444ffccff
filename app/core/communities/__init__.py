"""Where life happens: communities (小区) and the experience stores (体验店) whose catchments they form."""
