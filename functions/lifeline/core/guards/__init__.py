"""What stops a change: limits, approvals, freezes, the kill switch."""
