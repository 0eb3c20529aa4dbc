"""The plan of one VPC: actions, placement, security group, harm, cost."""
