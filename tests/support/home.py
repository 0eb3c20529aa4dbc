"""The account and region of the tests, as the ledger's keys contain them."""

from lifeline.core.network.model import RegionRef

HOME = RegionRef("123456789012", "us-east-1")
