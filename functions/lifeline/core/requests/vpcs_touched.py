"""Which VPCs a change touches, from the ids in its record, and what must be looked up to tell."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lifeline.core.requests.named import TAGGING

_KINDS = ("subnet", "rtb", "rtbassoc", "vpce", "nat", "igw", "sg", "acl", "tgw-attach", "pcx")
_TAGGED = ("subnet", "vpce", "sg")  # whose tags mean anything to Lifeline, beside those of VPCs

# They make something that no VPC uses yet, or that none may use any more.
_TOUCH_NO_VPC = frozenset(
    {
        "CreateDhcpOptions",
        "CreateInternetGateway",
        "CreateIpamPrefixListResolver",
        "CreateManagedPrefixList",
        "CreateRouteServer",
        "CreateVpnGateway",
        "DeleteDhcpOptions",
        "DeleteVpnGateway",
    }
)
# What a refused call was on: this one id says its VPC, and nothing else does.
_ATTEMPTED_ON = {"CreateVpcEndpoint": "vpc", "ModifyVpcEndpoint": "vpce", "DeleteVpc": "vpc", "DeleteSubnet": "subnet"}

IDS_A_CALL = 200  # EC2 API: a describe takes up to 200 values a filter
CALLS_A_RECORD = 2
CALLS_A_BATCH = 20
VPCS_A_BATCH = 200
VPCS_ASKED_A_BATCH = 1_000  # by messages that name them: as many as one call may name


def kind_of(resource_id: str) -> str:
    """The id's prefix: `rtb` of `rtb-0123…`, `tgw-attach` of `tgw-attach-0123…`."""
    return resource_id.rpartition("-")[0]


def ids_to_look_up(event_name: str, ids: Iterable[str]) -> frozenset[str]:
    """The ids whose VPC must be asked for, also where the record names a VPC itself: it may touch others, too."""
    if event_name in _TOUCH_NO_VPC:
        return frozenset()
    return _of_kinds(_TAGGED if event_name in TAGGING else _KINDS, frozenset(ids))


def vpcs_touched(event_name: str, ids: Iterable[str], found: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
    """The VPCs that a change touches: those that it names, and those of what it names.

    None where that isn't known, so that the whole region must be reconciled: of no kind of ids is every VPC known.
    `found` maps looked-up ids to their VPCs. What was deleted can't be looked up any more, and some records name
    nothing but what was deleted (DisassociateRouteTable): a sweep costs a few calls, a lost event costs an outage.
    """
    if event_name in _TOUCH_NO_VPC:
        return frozenset()
    named = _by_kind(ids)
    vpcs_of = {id_: frozenset({id_}) for id_ in named.get("vpc", ())} | dict(found)
    is_known = any(all(map(vpcs_of.get, named[kind])) for kind in ("vpc", *_KINDS) if kind in named)
    touched = frozenset[str]().union(*(vpcs_of.get(id_, frozenset()) for of_kind in named.values() for id_ in of_kind))
    return touched if is_known or event_name in TAGGING else None


def attempted_on(event_name: str, ids: Iterable[str]) -> str:
    """The VPC, subnet or endpoint that a refused call was on; empty where its record doesn't name exactly one."""
    (*found,) = ids
    kind = _ATTEMPTED_ON.get(event_name)
    return found[0] if len(found) == 1 and kind_of(found[0]) == kind else ""


# ---- how much is looked up


@dataclass(slots=True)
class Lookups:
    """What is asked of EC2 for a batch: the ids by kind, never more than CALLS_A_BATCH describe calls."""

    ids: dict[str, list[str]] = field(default_factory=dict)

    @property
    def calls(self) -> list[tuple[str, list[str]]]:
        """One describe call each: a kind, and the ids to filter by."""
        return [
            (kind, ids[start : start + IDS_A_CALL])
            for kind, ids in self.ids.items()
            for start in range(0, len(ids), IDS_A_CALL)
        ]

    def add(self, wanted: Iterable[str]) -> bool:
        """True if a record's ids are asked for; False if that takes more calls than a record or a batch may cause.

        Once a batch, security groups take one more: EC2 has to list the endpoints, of which some may have them.
        """
        own = _by_kind(sorted(wanted))
        both = dict(self.ids)
        for kind, ids in own.items():
            both[kind] = list(dict.fromkeys([*both.get(kind, []), *ids]))
        if _calls_for(own) > CALLS_A_RECORD or _calls_for(both) + ("sg" in both) > CALLS_A_BATCH:
            return False
        self.ids = both
        return True


def _by_kind(ids: Iterable[str]) -> dict[str, list[str]]:
    by_kind: dict[str, list[str]] = {}
    for resource_id in ids:
        by_kind.setdefault(kind_of(resource_id), []).append(resource_id)
    return by_kind


def _calls_for(by_kind: Mapping[str, Sequence[str]]) -> int:
    return sum(-(-len(ids) // IDS_A_CALL) for ids in by_kind.values())


def _of_kinds(kinds: Sequence[str], ids: frozenset[str]) -> frozenset[str]:
    return frozenset(resource_id for resource_id in ids if kind_of(resource_id) in kinds)
