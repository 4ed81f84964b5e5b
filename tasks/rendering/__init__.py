"""The sandbox of the templates: what they may say is checked when saved, what they may cost is bounded when run."""
