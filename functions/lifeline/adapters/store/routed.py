"""The instances and interfaces that routes lead to, kept where a batch finds them with one read."""

from lifeline.adapters.store.known_vpcs import KnownVpcs


class RoutedStore(KnownVpcs[frozenset[str]]):
    """The ledger's items `ROUTED` with `TARGETS#<number>`."""

    key = ("ROUTED", "TARGETS#")
    what = "what routes lead to"
    unreadable = "what routes lead to is unreadable"
    kind = frozenset[str]
