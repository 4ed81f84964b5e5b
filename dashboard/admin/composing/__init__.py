"""What the composer knows of a draft: the people of its file, and what the review shows."""
