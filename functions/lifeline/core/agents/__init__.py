"""Agents: what is known of each, when its silence is a gap, and the roster that holds them."""
