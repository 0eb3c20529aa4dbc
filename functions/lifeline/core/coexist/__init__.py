"""coexist."""
