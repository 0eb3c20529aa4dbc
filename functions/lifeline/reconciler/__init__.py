"""The reconciler: observe, plan, amend, apply and announce, for the VPCs that requests name."""
