"""What the start page says: today's figures, what wants a human, what runs."""
