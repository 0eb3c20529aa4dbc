"""Sources of evidence for what private subnets need. Each can fail alone, and none changes anything."""
