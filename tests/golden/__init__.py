"""What people and machines are sent, as files: each notice in its forms, and the events."""
