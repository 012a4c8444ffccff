"""Passkeys (通行密钥): key pairs that live in a device and answer challenges of ours, by the Web Authentication API."""
