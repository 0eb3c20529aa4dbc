"""Lifeline's security groups: which one it uses, and what it does where people spoiled one."""

from dataclasses import replace

import pytest

from lifeline.core.network.model import MANAGED_BY, Endpoint, Part, Ranges, Rule, SecurityGroup, Unread, Vpc
from lifeline.core.plan.actions import Action, ActionKind, Plan, ServiceState, Status
from lifeline.core.plan.harm import unprepared
from lifeline.core.plan.security_group import MOST_UNUSED, close_words, own_security_groups, usable_security_group
from tests.support.builders import MONITORING, OWNER, endpoint, own_security_group, plan, subnet, vpc

CREATE = ActionKind.CREATE_SECURITY_GROUP
OPEN = ActionKind.OPEN_SECURITY_GROUP
ATTACH = ActionKind.ATTACH_SECURITY_GROUP
CLOSE = ActionKind.CLOSE_SECURITY_GROUP
CONFIRM = ActionKind.CONFIRM_OWNERSHIP
HTTPS = Rule("tcp", 443, 443, ("10.0.0.0/16",))
PING = Rule("icmp", -1, -1, ("192.0.2.1/32",))
OTHERS_TAG = ((MANAGED_BY, "lifeline-2"),)


def opened(*rules: Rule, **more: object) -> SecurityGroup:
    return own_security_group(ingress=(HTTPS, *(rules or (PING,))), **more)


def second(**more: object) -> SecurityGroup:
    return own_security_group(id="sg-second", name="lifeline-endpoints-2", **more)


def of_kind(found: Plan, kind: ActionKind) -> list[Action]:
    return [action for action in found.actions if action.kind is kind]


def made_group(network: Vpc) -> str:
    """The name of the group that is to be made, with the endpoint that needs it planned along."""
    found = plan(network)
    (group,), (made,) = of_kind(found, CREATE), of_kind(found, ActionKind.CREATE_INTERFACE_ENDPOINT)
    assert (group.status, made.status) == (Status.PLANNED, Status.PLANNED)
    return group.security_group_name


# ---- what keeps a group from being used, and what is said of it


@pytest.mark.parametrize(
    ("group", "kind", "words"),
    [
        pytest.param(own_security_group(tags=(), on_record=False), CONFIRM, "delete it, or", id="somebody's"),
        pytest.param(own_security_group(on_record=False), CONFIRM, '{"adopt": ["sg-own"]}', id="tagged by somebody"),
        pytest.param(own_security_group(tags=()), CONFIRM, '{"hand_over": ["sg-own"]}', id="tag removed"),
        pytest.param(own_security_group(tags=OTHERS_TAG), CONFIRM, "restore the tag", id="tag changed"),
        pytest.param(opened(), CLOSE, "192.0.2.1/32", id="opened on another port"),
        pytest.param(opened(Rule("tcp", 443, 443, ("10.0.0.0/8",))), CLOSE, "10.0.0.0/8", id="opened wider"),
        pytest.param(opened(Rule("-1", -1, -1, groups=("sg-x",))), CLOSE, "sg-x", id="opened to a group"),
        pytest.param(opened(Rule("tcp", 1, 2, prefix_lists=("pl-x",))), CLOSE, "pl-x", id="opened to a prefix list"),
    ],
)
def test_a_group_that_was_spoiled_is_said_and_another_is_made(
    group: SecurityGroup, kind: ActionKind, words: str
) -> None:
    network = vpc(subnet("a"), group)
    assert made_group(network) == "lifeline-endpoints-2"
    (said,) = of_kind(plan(network), kind)
    assert (said.status, said.security_group_id, said.endpoint_id) == (Status.BLOCKED, "sg-own", "")
    assert words in said.error


@pytest.mark.parametrize(
    "group",
    [
        pytest.param(own_security_group(tags=OTHERS_TAG, on_record=False), id="another stack's"),
        pytest.param(own_security_group(tags=(), on_record=False, is_handed_over=True), id="handed over"),
    ],
)
def test_nobody_is_asked_about_a_group_whose_owner_is_known_and_another_is_made(group: SecurityGroup) -> None:
    network = vpc(subnet("a"), group)
    assert made_group(network) == "lifeline-endpoints-2"
    assert of_kind(plan(network), CONFIRM) == []


def test_a_group_of_another_name_is_nobodys_business() -> None:
    names = ("lifeline-endpoints-x", "lifeline-endpoints-", "my-lifeline-endpoints", "lifeline-endpoints-2 ")
    groups = [SecurityGroup(f"sg-{place}", name) for place, name in enumerate(names)]
    network = vpc(subnet("a"), endpoint(MONITORING, "a"), own_security_group(), *groups)
    assert plan(network).actions == ()


def test_it_is_said_although_nothing_needs_a_group_and_names_the_endpoints_that_use_it() -> None:
    found = plan(vpc(subnet("a"), endpoint(MONITORING, "a"), opened()))
    (said,) = found.actions
    assert said.kind is CLOSE
    assert "vpce-1" in said.reason


def test_many_rules_are_said_in_few_words() -> None:
    rules = [Rule("tcp", 22, 22, (f"192.0.2.{number}/32",)) for number in range(40)]
    (said,) = of_kind(plan(vpc(subnet("a"), endpoint(MONITORING, "a"), opened(*rules))), CLOSE)
    assert "and 37 more" in said.error


def test_what_lets_in_part_of_the_vpc_is_no_harm() -> None:
    inside = Rule("tcp", 8443, 8443, ("10.0.7.0/24",))
    network = vpc(subnet("a"), opened(inside))
    assert [action.kind for action in plan(network).actions] == [ActionKind.CREATE_INTERFACE_ENDPOINT]


# ---- what it lets in that the VPC had before

BEFORE = Rule("tcp", 443, 443, ("192.0.2.0/24",), added=("192.0.2.0/24",))


def closed(*rules: Rule, cidrs: tuple[str, ...] = ("10.0.0.0/16",)) -> list[tuple[Status, tuple[str, ...], object]]:
    """What is taken back, on which ports, and what is left to a person, in words."""
    found = of_kind(plan(vpc(subnet("a"), endpoint(MONITORING, "a"), opened(*rules), cidrs=cidrs)), CLOSE)
    return [(one.status, one.cidrs, one.error or one.ports) for one in found]


def left_to_people(*others: str) -> tuple[Status, tuple[str, ...], str]:
    return Status.BLOCKED, (), close_words("sg-own", others)


def test_a_block_that_lifeline_let_in_is_taken_back_once_the_vpc_does_not_have_it() -> None:
    assert closed(BEFORE) == [(Status.PLANNED, ("192.0.2.0/24",), ((443, 443),))]
    assert closed(BEFORE, cidrs=("10.0.0.0/16", "192.0.2.0/24")) == []


def test_it_is_taken_back_on_all_of_its_ports_at_once() -> None:
    mail = replace(BEFORE, from_port=587, to_port=587)
    assert closed(BEFORE, mail) == [(Status.PLANNED, ("192.0.2.0/24",), ((443, 443), (587, 587)))]


def test_what_others_let_in_beside_it_is_left_to_them() -> None:
    both = replace(BEFORE, cidrs=("192.0.2.0/24", "198.51.100.0/24"))
    taken_back = (Status.PLANNED, ("192.0.2.0/24",), ((443, 443),))
    assert closed(both) == [taken_back, left_to_people("198.51.100.0/24")]


def test_a_block_that_others_let_in_as_well_is_left_to_them_on_their_ports() -> None:
    theirs = Rule("tcp", 22, 22, ("192.0.2.0/24",))
    taken_back = (Status.PLANNED, ("192.0.2.0/24",), ((443, 443),))
    assert closed(BEFORE, theirs) == [taken_back, left_to_people("192.0.2.0/24")]


# ---- which name, and how many


def test_however_many_names_are_taken_the_first_free_one_is_used() -> None:
    taken = ["lifeline-endpoints", *(f"lifeline-endpoints-{number}" for number in range(2, 60) if number != 37)]
    groups = [SecurityGroup(f"sg-{place}", name) for place, name in enumerate(taken)]
    network = vpc(subnet("a"), *groups)
    assert made_group(network) == "lifeline-endpoints-37"
    (said,) = of_kind(plan(network), CONFIRM)
    assert f"and {len(taken) - 3} more" in said.error


def test_groups_of_its_own_that_it_cannot_use_are_bounded_and_then_it_says_so() -> None:
    groups = [opened(id=f"sg-{number}", name=f"lifeline-endpoints-{number}") for number in range(MOST_UNUSED)]
    assert made_group(vpc(subnet("a"), *groups[:-1])) == "lifeline-endpoints"
    found = plan(vpc(subnet("a"), *groups))
    (refused,) = of_kind(found, CREATE)
    (blocked,) = of_kind(found, ActionKind.CREATE_INTERFACE_ENDPOINT)
    assert (refused.status, blocked.error) == (Status.BLOCKED, refused.error)
    assert f"made {MOST_UNUSED} security groups in the VPC that no endpoint has" in refused.error
    assert len(of_kind(found, CLOSE)) == MOST_UNUSED


@pytest.mark.parametrize("tags", [own_security_group().tags, ()])
def test_groups_that_endpoints_have_keep_no_other_from_being_made_however_many_somebody_spoiled(
    tags: tuple[tuple[str, str], ...],
) -> None:
    """Each was made for an endpoint, and AWS bounds these (VPC guide: PrivateLink quotas)."""
    names = [f"svc{number}" for number in range(2 * MOST_UNUSED)]
    groups = [opened(id=f"sg-{name}", name=f"lifeline-endpoints-{name}", tags=tags) for name in names]
    theirs = [
        endpoint(f"com.amazonaws.x.{name}", "a", id=f"vpce-{name}", security_group_ids=frozenset({f"sg-{name}"}))
        for name in names
    ]
    assert made_group(vpc(subnet("a"), *groups, *theirs)) == "lifeline-endpoints"


# ---- which of its own is used


def test_the_second_group_is_used_while_the_first_is_spoiled() -> None:
    found = plan(vpc(subnet("a"), opened(), second()))
    (made,) = of_kind(found, ActionKind.CREATE_INTERFACE_ENDPOINT)
    assert (made.security_group_id, made.status) == ("sg-second", Status.PLANNED)
    assert of_kind(found, CREATE) == []


def test_one_in_use_goes_before_one_that_is_repaired() -> None:
    other = endpoint("com.amazonaws.us-east-1.logs", "a", security_group_ids=frozenset({"sg-second"}))
    both = vpc(subnet("a"), own_security_group(), second())
    in_use = replace(both, endpoints=(other,))
    assert [group.id for group in own_security_groups(both, OWNER)] == ["sg-own", "sg-second"]
    assert usable_security_group(both, OWNER) == own_security_group()
    assert usable_security_group(in_use, OWNER) == second()


def test_groups_in_use_are_opened_for_new_blocks_even_where_they_let_in_others() -> None:
    cidrs = ("10.0.0.0/16", "10.1.0.0/16")
    network = vpc(subnet("a"), endpoint(MONITORING, "a"), opened(), second(), cidrs=cidrs)
    assert [(one.security_group_id, one.cidrs) for one in of_kind(plan(network), OPEN)] == [("sg-own", cidrs[1:])]


MAIL, MAIL_PORTS = "com.amazonaws.us-east-1.email-smtp", ((25, 25), (465, 465), (587, 587), (2465, 2465), (2587, 2587))


@pytest.mark.parametrize(
    ("user", "required", "opened_for"),
    [
        pytest.param(endpoint(MAIL, "a", own=False), "logs", [], id="theirs"),
        pytest.param(endpoint(MAIL, "a", own=False), "email-smtp", [MAIL_PORTS], id="theirs, required"),
        pytest.param(endpoint(MAIL, "a"), "logs", [MAIL_PORTS], id="Lifeline's"),
        pytest.param(endpoint(MAIL, "a", security_group_ids=frozenset({"sg-x"})), "logs", [], id="of another group"),
    ],
)
def test_a_group_that_somebody_puts_on_theirs_is_opened_for_no_more_than_443_unless_the_service_is_required(
    user: Endpoint, required: str, opened_for: list[Ranges]
) -> None:
    found = plan(vpc(subnet("a"), user, own_security_group()), required)
    assert [one.ports for one in of_kind(found, OPEN)] == opened_for


def test_where_it_is_required_and_the_group_has_no_room_for_its_ports_that_group_is_used_all_the_same() -> None:
    """A known gap: EC2 refuses the rules, so nothing that would have the group is made until a person removes some."""
    full = own_security_group(ingress=(HTTPS, *(Rule("tcp", 443, 443, (f"10.0.7.{one}/32",)) for one in range(57))))
    network = vpc(subnet("a"), endpoint(MAIL, "a", own=False), full)
    assert [one.security_group_id for one in of_kind(plan(network, "logs", "email-smtp"), OPEN)] == ["sg-own"]
    assert of_kind(plan(network, "logs", "email-smtp"), CREATE) == []


def test_it_is_opened_for_443_as_before() -> None:
    theirs = endpoint(MONITORING, "a", own=False)
    network = vpc(subnet("a"), theirs, own_security_group(), cidrs=("10.0.0.0/16", "10.1.0.0/16"))
    assert [(one.cidrs, one.ports) for one in of_kind(plan(network, "logs"), OPEN)] == [
        (("10.1.0.0/16",), ((443, 443),))
    ]


def test_a_group_that_is_full_of_rules_is_replaced_on_the_endpoints_that_it_shuts_out() -> None:
    inside = tuple(Rule("tcp", 1, 1, (f"10.0.1.{number}/32",)) for number in range(60))
    full = own_security_group(ingress=inside)
    found = plan(vpc(subnet("a"), endpoint(MONITORING, "a"), full))
    assert [one.kind for one in found.planned] == [CREATE, OPEN, ATTACH]
    room = own_security_group(ingress=inside[:-1])
    assert [one.kind for one in plan(vpc(subnet("a"), endpoint(MONITORING, "a"), room)).actions] == [OPEN]


def test_a_group_that_a_prefix_list_may_fill_is_replaced_on_the_endpoints_that_it_shuts_out() -> None:
    """AWS counts the entries that the list may have, whatever it has."""
    of_list = Rule("tcp", 443, 443, prefix_lists=("pl-x",))
    for group, kinds in (
        (own_security_group(ingress=(of_list,)), [CREATE, OPEN, ATTACH]),
        (opened(of_list), []),
    ):
        here = vpc(subnet("a"), endpoint(MONITORING, "a"), group, prefix_lists=(("pl-x", ("192.0.2.0/24",)),))
        assert [one.kind for one in plan(here).planned] == kinds


@pytest.mark.parametrize(
    ("private_dns", "kind"), [(True, ActionKind.ADD_SUBNETS), (False, ActionKind.ENABLE_PRIVATE_DNS)]
)
def test_while_a_group_that_somebody_filled_is_on_an_endpoint_neither_a_zone_nor_the_name_is_given_to_it(
    kind: ActionKind, *, private_dns: bool
) -> None:
    """Beside another that lets all in: EC2 refuses the rule that the full one lacks, until a person makes room."""
    full = own_security_group(ingress=tuple(Rule("tcp", 1, 1, (f"10.0.1.{number}/32",)) for number in range(60)))
    for groups, waits in (({"sg-own", "sg-second"}, True), ({"sg-second"}, False)):
        made = endpoint(MONITORING, "a", private_dns=private_dns, security_group_ids=frozenset(groups))
        found = plan(vpc(subnet("a"), subnet("b", "us-east-1b", cidr="10.0.2.0/24"), made, full, second())).actions
        (action,) = [one for one in found if one.kind is kind]
        assert (unprepared(action, found) is not None) is waits


def test_an_endpoint_whose_group_lost_its_tag_and_its_rule_gets_another_group() -> None:
    closed = own_security_group("192.168.0.0/16", tags=())
    found = plan(vpc(subnet("a"), endpoint(MONITORING, "a"), closed))
    assert {one.kind for one in found.actions} == {CREATE, ATTACH, CONFIRM}
    (attach,) = of_kind(found, ATTACH)
    assert (attach.status, attach.endpoint_id) == (Status.PLANNED, "vpce-1")


# ---- rules that weren't read

UNREADABLE = SecurityGroup("sg-theirs", "theirs", (Rule("tcp", 443, 443, prefix_lists=("pl-gone",)),))
WITHDRAWN = Unread(Part.PREFIX_LIST, "InvalidPrefixListID.NotFound", "pl-gone")


def behind(group: SecurityGroup = UNREADABLE, *unread: Unread, own: bool = True, **more: object) -> Vpc:
    """A VPC whose endpoint only has the group, and that has Lifeline's own beside it."""
    made = endpoint(MONITORING, "a", own=own, security_group_ids=frozenset({group.id}), **more)
    return vpc(subnet("a"), made, own_security_group(), group, unread=unread or (WITHDRAWN,))


def test_lifelines_own_endpoint_gets_its_group_back_where_the_others_rules_cannot_be_read() -> None:
    (action,) = plan(behind()).actions
    assert (action.kind, action.status, action.security_group_id) == (ATTACH, Status.PLANNED, "sg-own")
    assert "sg-theirs of vpce-1 allows what is in pl-gone, which was not read" in action.reason


def test_an_endpoint_of_theirs_whose_rules_cannot_be_read_is_its_owners_to_open() -> None:
    found = plan(behind(own=False))
    (action,) = found.actions
    assert (action.kind, action.status, action.subnet_ids) == (OPEN, Status.BLOCKED, ("subnet-a",))
    assert "pl-gone, which was not read" in action.reason
    assert "its owner should allow inbound TCP 443" in action.error
    assert [report.state for report in found.services] == [ServiceState.UNKNOWN]


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(behind(is_adopted=True), id="people gave it its groups"),
        pytest.param(behind(UNREADABLE, replace(WITHDRAWN, is_passing=True)), id="a later run reads it"),
        pytest.param(replace(behind(), security_groups=(own_security_group(),)), id="its group isn't shown yet"),
        pytest.param(behind(replace(UNREADABLE, ingress=(*UNREADABLE.ingress, HTTPS))), id="others let them in"),
        pytest.param(behind(replace(UNREADABLE, ingress=(Rule("tcp", 443, 443, groups=("sg-x",)),))), id="a group"),
    ],
)
def test_for_rules_that_were_not_read_nothing_is_done_where_they_hardly_decide(network: Vpc) -> None:
    assert plan(network).actions == ()


def test_what_people_made_is_not_lifelines_to_open_though_it_has_been_adopted() -> None:
    theirs: Endpoint = behind(own=False, is_adopted=True).endpoints[0]
    assert [action.kind for action in plan(replace(behind(), endpoints=(theirs,))).actions] == [OPEN]
