"""What the account brings: organization, agents, policy, kill switch."""

from decimal import Decimal

from lifeline.core.doctor.account import check_agents, check_organization, check_policy, check_switch
from lifeline.core.doctor.finding import CheckVerdict, NotRead

ME, MANAGER = "123456789012", "999999999999"
DENIED = NotRead("AccessDeniedException: no")


def test_an_organizations_policies_count_but_for_the_account_that_manages_it() -> None:
    member = check_organization(("o-a1b2c3d4e5", MANAGER), ME, is_hub=False)
    assert "service control policies may limit" in member.says
    manager = check_organization(("o-a1b2c3d4e5", ME), ME, is_hub=True)
    assert "don't limit it" in manager.says
    assert member.verdict is manager.verdict is CheckVerdict.OK


def test_a_hub_without_an_organization_is_a_fault() -> None:
    assert check_organization(None, ME, is_hub=False).verdict is CheckVerdict.OK
    assert check_organization(None, ME, is_hub=True).verdict is CheckVerdict.BAD
    assert check_organization(DENIED, ME, is_hub=True).verdict is CheckVerdict.UNKNOWN


def test_agents_are_counted_by_namespace_with_what_they_cost() -> None:
    found = check_agents({"CWAgent": 1200, "Custom": 3}, Decimal("0.15"))
    assert found.says == (
        "1,203 agents published in the last 3 hours, which costs about 180.45 USD a month to watch: 1,200 to CWAgent"
        " and 3 to Custom."
    )
    assert "nobody to watch" in check_agents({"CWAgent": 0}).says
    assert check_agents(DENIED).verdict is CheckVerdict.UNKNOWN


def test_agents_that_there_was_no_time_to_list_may_be_more() -> None:
    found = check_agents({"CWAgent": 1200, "Custom": 3}, Decimal("0.15"), ["CWAgent"])
    assert found.says == (
        "At least 1,203 agents published in the last 3 hours, which costs at least 180.45 USD a month to watch:"
        " at least 1,200 to CWAgent and 3 to Custom."
    )
    assert check_agents({"CWAgent": 0}, cut=["CWAgent"]).verdict is CheckVerdict.UNKNOWN


def test_a_policy_that_cant_be_used_is_a_fault_whatever_is_in_force_instead() -> None:
    assert check_policy("", has_policy=True).verdict is CheckVerdict.OK
    assert "last valid one" in check_policy("rules[0]: is unknown", has_policy=True).says
    found = check_policy("rules[0]: is unknown", has_policy=False)
    assert found.verdict is CheckVerdict.BAD
    assert "nothing is changed" in found.says


def test_accounts_that_the_policy_leaves_out_and_nobody_serves_are_a_fault() -> None:
    found = check_policy("", has_policy=True, unserved="111122223334 is not an account that this stack serves")
    assert found.verdict is CheckVerdict.BAD
    assert "prove_event_path.except" in found.remedy
    assert check_policy("", has_policy=True, unserved=NotRead("no")).verdict is CheckVerdict.UNKNOWN
    assert "can't be used" in check_policy("rules", has_policy=True, unserved=NotRead("no")).says


def test_a_kill_switch_that_is_on_is_said_with_the_command_that_turns_it_off() -> None:
    assert check_switch("", "x").verdict is CheckVerdict.OK
    found = check_switch("the kill switch is on", "aws ssm put-parameter")
    assert found.verdict is CheckVerdict.BAD
    assert "aws ssm put-parameter" in found.remedy
