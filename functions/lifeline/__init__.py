"""Lifeline keeps private subnets connected to the AWS services they need, and says when a machine falls silent."""
