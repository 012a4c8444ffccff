"""The merchant's door (商户端): a shop in the pocket."""
