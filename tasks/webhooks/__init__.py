"""Outgoing webhooks: addresses that are told of events, signed by Standard Webhooks (standardwebhooks.com), at least once."""
