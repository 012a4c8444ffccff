"""Vetting (入驻审核): how a neighbor becomes a courier, and how a store lets couriers go and come back."""
