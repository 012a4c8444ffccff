"""Stripe's HTTP API, version 2020-08-27, as far as WeChat Pay and cards need it: client and webhook signature."""
