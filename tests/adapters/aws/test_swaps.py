"""A swap between a hub's zones and an endpoint, of which any call may fail: something must answer the name after it."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lifeline.adapters.aws.associations import Associations
from lifeline.adapters.aws.endpoints import Endpoints
from lifeline.core.coexist.associated import AUTHORIZATION_LEFT
from lifeline.core.errors import LifelineError, TransientError, UnansweredError
from lifeline.core.plan.actions import Action, ActionKind

HUB_ACCOUNT = "999999999999"
OFF, ON = ("modify_vpc_endpoint", "False"), ("modify_vpc_endpoint", "True")


def let_go(zone_id: str) -> tuple[str, str]:
    return "disassociate_vpc_from_hosted_zone", zone_id


def shared(zone_id: str) -> tuple[str, str]:
    return "associate_vpc_with_hosted_zone", zone_id


@dataclass
class Aws:
    """EC2 and Route 53, which refuse some calls and note the others, each with its zone, or its private DNS."""

    refused: dict[tuple[str, str], str] = field(default_factory=dict)
    times: dict[tuple[str, str], int] = field(default_factory=dict)  # how often, if not always
    lost: set[tuple[str, str]] = field(default_factory=set)  # what is done although AWS's answer says otherwise
    done: list[tuple[str, str]] = field(default_factory=list)
    zone_ids: set[str] = field(default_factory=set)
    is_on: bool = False

    def describe_vpc_endpoints(self, **_: Any) -> dict[str, Any]:
        self._refuse(("describe_vpc_endpoints", ""))
        return {"VpcEndpoints": [{"PrivateDnsEnabled": self.is_on}]}

    def list_hosted_zones_by_vpc(self, **_: Any) -> dict[str, Any]:
        self._refuse(("list_hosted_zones_by_vpc", ""))
        return {"HostedZoneSummaries": [{"HostedZoneId": zone_id} for zone_id in sorted(self.zone_ids)]}

    def _refuse(self, key: tuple[str, str]) -> None:
        if (code := self.refused.get(key)) and self.times.setdefault(key, 1000) > 0:
            self.times[key] -= 1
            answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
            raise ClientError(answer, key[0])

    def _make(self, key: tuple[str, str]) -> None:
        self.done.append(key)
        self.is_on = key == ON if key[0] == ON[0] else self.is_on
        self.zone_ids |= {key[1]} if key == shared(key[1]) else set()
        self.zone_ids -= {key[1]} if key == let_go(key[1]) else set()

    def __getattr__(self, operation: str) -> Any:
        def call(**params: Any) -> dict[str, Any]:
            key = (operation, str(params.get("HostedZoneId", params.get("PrivateDnsEnabled"))))
            if key in self.lost:
                self._make(key)
            self._refuse(key)
            self._make(key)
            return {}

        return call

    def swap(self, kind: ActionKind, *zone_ids: str, account: str = "") -> str:
        associations = Associations("us-east-1", lambda _: lambda _: self, client=lambda _: self)
        hands = Endpoints("lifeline", lambda *_: None, self, lambda _: None, associations)
        action = Action(
            kind, "why", service="monitoring", endpoint_id="vpce-1", central_ids=zone_ids, central_account=account
        )
        return hands.apply(action, vpc_id="vpc-1").left


@pytest.mark.parametrize("code", ["AccessDenied", "Throttling"])
def test_private_dns_comes_back_even_if_no_zone_can_be_let_go(code: str) -> None:
    aws = Aws({shared("Z1"): code, let_go("Z1"): code})
    with pytest.raises(LifelineError, match=r"associate_vpc_with_hosted_zone Z1 .*; disassociate_vpc_from_hosted_zone"):
        aws.swap(ActionKind.SWAP_TO_CENTRAL, "Z1")
    assert aws.done == [OFF, ON]


def test_a_zone_that_was_shared_already_is_let_go_even_if_another_can_not_be() -> None:
    aws = Aws({shared("Z2"): "LimitsExceeded", let_go("Z1"): "Throttling"})
    with pytest.raises(LifelineError, match="LimitsExceeded"):
        aws.swap(ActionKind.SWAP_TO_CENTRAL, "Z1", "Z2")
    assert aws.done == [OFF, shared("Z1"), let_go("Z2"), ON]


@pytest.mark.parametrize("unread", [{}, {("describe_vpc_endpoints", ""): "Throttling"}])
def test_private_dns_comes_back_if_it_may_be_off_and_nobody_knows(unread: dict[tuple[str, str], str]) -> None:
    aws = Aws({OFF: "InternalError", **unread}, is_on=True)
    with pytest.raises(TransientError):
        aws.swap(ActionKind.SWAP_TO_CENTRAL, "Z1")
    assert aws.done == [let_go("Z1"), ON]


@pytest.mark.parametrize(
    ("kind", "lost", "done"),
    [
        (ActionKind.SWAP_TO_CENTRAL, OFF, [OFF, shared("Z1")]),
        (ActionKind.SWAP_TO_CENTRAL, shared("Z1"), [OFF, shared("Z1")]),
        (ActionKind.SWAP_TO_LOCAL, let_go("Z1"), [let_go("Z1"), ON]),
        (ActionKind.SWAP_TO_LOCAL, ON, [let_go("Z1"), ON]),
    ],
)
def test_a_change_whose_answer_is_lost_is_looked_for_and_the_swap_goes_on(
    kind: ActionKind, lost: tuple[str, str], done: list[tuple[str, str]]
) -> None:
    is_back = kind is ActionKind.SWAP_TO_CENTRAL
    aws = Aws({lost: "InternalError"}, lost={lost}, is_on=is_back, zone_ids=set() if is_back else {"Z1"})
    assert (aws.swap(kind, "Z1"), aws.done) == ("", done)


def test_nobody_hears_that_nothing_answers_where_the_endpoint_does() -> None:
    reads = ("describe_vpc_endpoints", "")
    aws = Aws(
        {ON: "InternalError", reads: "Throttling", shared("Z1"): "ConflictingDomainExists"}, {reads: 1}, lost={ON}
    )
    with pytest.raises(LifelineError, match="InternalError") as failed:
        aws.swap(ActionKind.SWAP_TO_LOCAL, "Z1")
    assert not isinstance(failed.value, UnansweredError)


@pytest.mark.parametrize("code", ["Throttling", "LastVPCAssociation"])
def test_the_first_zone_comes_back_if_the_second_can_not_be_let_go(code: str) -> None:
    aws = Aws({let_go("Z2"): code})
    with pytest.raises(LifelineError, match=code):
        aws.swap(ActionKind.SWAP_TO_LOCAL, "Z1", "Z2")
    assert aws.done == [let_go("Z1"), shared("Z1"), shared("Z2")]


def test_each_zone_comes_back_even_if_another_can_not() -> None:
    aws = Aws({ON: "InvalidParameter", shared("Z1"): "LimitsExceeded"})
    with pytest.raises(LifelineError, match=r"InvalidParameter.*; associate_vpc_with_hosted_zone Z1"):
        aws.swap(ActionKind.SWAP_TO_LOCAL, "Z1", "Z2")
    assert aws.done == [let_go("Z1"), let_go("Z2"), shared("Z2")]


@pytest.mark.parametrize("kind", [ActionKind.SWAP_TO_LOCAL, ActionKind.SWAP_TO_CENTRAL])
def test_what_only_passes_is_tried_again_while_a_swap_is_undone(kind: ActionKind) -> None:
    back, refused = (shared("Z1"), ON) if kind is ActionKind.SWAP_TO_LOCAL else (ON, shared("Z1"))
    aws = Aws({refused: "InvalidParameter", back: "Throttling"}, {back: 3})
    with pytest.raises(LifelineError, match="InvalidParameter") as failed:
        aws.swap(kind, "Z1")
    assert (aws.done[-1], isinstance(failed.value, UnansweredError)) == (back, False)


@pytest.mark.parametrize("code", ["AccessDenied", "Throttling", "conflicting DNS domain"])
@pytest.mark.parametrize("kind", [ActionKind.SWAP_TO_LOCAL, ActionKind.SWAP_TO_CENTRAL])
def test_a_swap_that_can_be_neither_finished_nor_undone_says_that_nothing_answers(kind: ActionKind, code: str) -> None:
    aws = Aws({shared("Z1"): code, ON: code})
    with pytest.raises(UnansweredError, match="nothing answers the name of the monitoring service in the VPC now"):
        aws.swap(kind, "Z1")


def test_an_authorization_that_the_way_back_leaves_is_said() -> None:
    aws = Aws({ON: "InvalidParameter", ("delete_vpc_association_authorization", "Z1"): "Throttling"})
    with pytest.raises(LifelineError, match=rf"InvalidParameter.*in Z1 {AUTHORIZATION_LEFT}"):
        aws.swap(ActionKind.SWAP_TO_LOCAL, "Z1", account=HUB_ACCOUNT)
    assert aws.done[-1] == shared("Z1")


def test_a_swap_whose_calls_all_pass_makes_no_other() -> None:
    aws = Aws()
    assert aws.swap(ActionKind.SWAP_TO_LOCAL, "Z1") == aws.swap(ActionKind.SWAP_TO_CENTRAL, "Z1") == ""
    assert aws.done == [let_go("Z1"), ON, OFF, shared("Z1")]


def test_a_hub_that_harms_is_let_go_and_the_endpoint_answers_again() -> None:
    aws = Aws()
    aws.swap(ActionKind.RESTORE_LOCAL, "Z1", "Z2")
    assert aws.done == [let_go("Z1"), let_go("Z2"), ON]
