"""What notices and events say, and the forms in which they are sent."""
