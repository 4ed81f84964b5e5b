"""The ledger: delivery rows as the truth of the work. Lease, hand over, close, reap; beside them retries, breakers, counters."""
