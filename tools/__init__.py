"""What a person runs from a checkout; nothing in here ships."""
