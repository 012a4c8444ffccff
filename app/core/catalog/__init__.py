"""What shops sell: merchants (商户), shops, offers, SKUs and their stock."""
