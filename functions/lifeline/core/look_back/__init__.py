"""What CloudTrail's records of the past tell: who changed the network how often, and which ways out were cut."""
