"""``linli dispatch``: what the policies of dispatch would have done with whole days."""
