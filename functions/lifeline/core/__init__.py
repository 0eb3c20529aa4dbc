"""Everything that decides: no AWS, no clock, no environment, no logging."""
