"""AWS services other than the ledger. Only `endpoints` changes a network."""
