"""A hub's accounts as its page shows them first: one for each kind of trouble, and quiet ones."""

from datetime import timedelta
from decimal import Decimal

from lifeline.core.organization.look import AccountLook
from lifeline.core.organization.members import AccountStanding, MemberAccount
from lifeline.dashboard.organization import AccountRow, OrganizationCoverage
from tests.support.coverage_sample import NOW, ZONE

HOUR = timedelta(hours=1)
LOOKED = NOW - timedelta(minutes=25)


def member(account: str, name: str, standing: AccountStanding = AccountStanding.SERVED, why: str = "") -> MemberAccount:
    return MemberAccount(account, name, standing=standing, since=NOW - 30 * HOUR, why=why)


def the_quiet(number: int, vpcs: int = 10) -> AccountRow:
    look = AccountLook(LOOKED, served=vpcs, endpoints=vpcs * 2, cost_usd=ZONE * vpcs * 4, incidents=0, silent=0)
    return AccountRow(member(f"{444400000000 + number}", f"team-{number}"), looked=LOOKED, look=look)


def accounts() -> tuple[AccountRow, ...]:
    lost = member(
        "222222222222",
        "shop",
        AccountStanding.LOST,
        "assume arn:aws:iam::222222222222:role/lifeline-reconcile-us-east-1: AccessDenied",
    )
    silent = AccountLook(LOOKED, 8, 1, 0, 2, 0, endpoints=14, cost_usd=ZONE * 30, incidents=2, silent=12)
    blocked = AccountLook(LOOKED, 5, 0, 1, 0, 3, endpoints=3, cost_usd=ZONE * 6, incidents=0, silent=0)
    unread = AccountLook(LOOKED, 3, endpoints=3, cost_usd=ZONE * 6)
    return (
        AccountRow(member("123456789012", "the hub's own"), is_own=True, looked=LOOKED, look=unread),
        AccountRow(lost, looked=LOOKED - 30 * HOUR, look=unread),
        AccountRow(member("333333333333", "payments"), looked=LOOKED, look=silent, waiting=3),
        AccountRow(member("555555555555", "build"), looked=LOOKED, look=blocked, frozen=1, releasing=2),
        AccountRow(member("666666666666", "sandbox", AccountStanding.NOT_SET_UP, "AccessDenied")),
        AccountRow(member("777777777777", "new", AccountStanding.UNTRIED)),
        the_quiet(1),
        the_quiet(2),
    )


def organization(rows: tuple[AccountRow, ...] | None = None, **more: object) -> OrganizationCoverage:
    found = sorted(accounts() if rows is None else rows, key=lambda row: row.rank)
    values: dict[str, object] = {
        "region": "us-east-1",
        "stack_name": "lifeline",
        "mode": "enforce",
        "at": NOW,
        "accounts": tuple(found),
        "listed_at": NOW - HOUR / 2,
        "switch_command": "aws ssm put-parameter --name /lifeline/stop --type String --overwrite --value on",
        **more,
    }
    return OrganizationCoverage(**values)  # type: ignore[arg-type]


def large(number: int = 200, vpcs: int = 10) -> OrganizationCoverage:
    """So many accounts with so many VPCs each, of which every other is to be reviewed."""
    rows = [the_quiet(one, vpcs) for one in range(number)]
    trouble = AccountLook(LOOKED, 5, 1, 1, 2, 1, endpoints=20, cost_usd=Decimal("123.45"), incidents=2, silent=12)
    rows[::2] = [AccountRow(one.member, looked=LOOKED, look=trouble, waiting=2, frozen=1) for one in rows[::2]]
    return organization(tuple(rows))
