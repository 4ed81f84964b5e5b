"""What people fill in: fields, and how what they type is read."""
