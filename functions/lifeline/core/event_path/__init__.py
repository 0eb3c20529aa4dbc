"""The way of an event from CloudTrail to ReconcileEndpoints, and how it is known that it works."""
