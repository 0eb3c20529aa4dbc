"""The steps of a run: targets, planning, leases, apply, requeue, decision log."""
