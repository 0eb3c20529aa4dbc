"""The paths that Lifeline saw in VPCs, kept where every run sees them."""

from lifeline.adapters.store.known_vpcs import KnownVpcs
from lifeline.core.guards.urgency import KnownVpc


class PathStore(KnownVpcs[KnownVpc]):
    """The ledger's items `PATHS` with `KNOWN#<number>`."""

    key = ("PATHS", "KNOWN#")
    what = "the known paths"
    unreadable = "known paths unreadable"
    kind = KnownVpc
