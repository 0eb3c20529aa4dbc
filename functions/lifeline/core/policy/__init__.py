"""Which services are required where, exemptions, and what is watched."""
