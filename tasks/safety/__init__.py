"""The safety catch: what stands between a press of Send and a million messages."""
