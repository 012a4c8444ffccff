"""The providers' door: what payment gateways tell us, signature first."""
