"""A VPC as values: tiers, ACLs, DNS, and how a subnet reaches a service."""
