"""What people of the platform do at the operator's desk."""
