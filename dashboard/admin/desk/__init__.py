"""The desk's own live namespace: operators who watch broadcasts get their counters as they change."""
