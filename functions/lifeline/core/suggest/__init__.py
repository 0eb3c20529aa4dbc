"""What private subnets need, from evidence: who lives there, what it called, and what it says that it will call."""
