"""What callers and CloudTrail may send, and which VPCs it concerns."""
