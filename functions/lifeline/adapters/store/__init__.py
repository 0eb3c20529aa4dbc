"""The ledger (DynamoDB) and the parameters in SSM."""
