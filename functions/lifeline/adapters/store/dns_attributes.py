"""The DNS attributes that were read of each VPC, kept where every run sees them."""

from lifeline.adapters.store.known_vpcs import KnownVpcs
from lifeline.core.network.dns_attributes import DnsAttributes


class AttributeStore(KnownVpcs[DnsAttributes]):
    """The ledger's items `ATTRIBUTES` with `KNOWN#<number>`."""

    key = ("ATTRIBUTES", "KNOWN#")
    what = "the known DNS attributes"
    unreadable = "known DNS attributes unreadable"
    kind = DnsAttributes
