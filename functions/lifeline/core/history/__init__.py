"""The audit log: entries, and how they are written."""
