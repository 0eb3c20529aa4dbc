"""The accounts of an organization that one hub serves."""
