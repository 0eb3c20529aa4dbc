"""Living with other owners: claims, hand-overs, conflicts, teardowns, canaries, retirement."""
