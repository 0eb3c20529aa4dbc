"""The numbers that people rely on, and those of AWS. Other tests call them by their names, and so notice no change."""

from datetime import timedelta

import pytest

from lifeline.core.agents import admission, agent, failed_runs, gaps, roster, series
from lifeline.core.agents.watches import Rules
from lifeline.core.coexist import associated, canary, claims, conflicts, import_blocks, teardown, warnings
from lifeline.core.network import ownership, packets, ports, way_out
from lifeline.core.plan import actions, cost, endpoint_lifecycle, harm, placement, security_group, waking

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("number", "value"),
    [
        # docs/watching.md: who is watched, when an agent is silent, flapping
        pytest.param(Rules(), Rules(MINUTE, 4 * MINUTE, 10 * MINUTE, 14 * DAY, 2, 5 * MINUTE), id="rules of a watch"),
        pytest.param(admission.MOST_HOSTS, 1000, id="hosts on a roster"),
        pytest.param(agent.PROOF, 3, id="datapoints that make an agent"),
        pytest.param(agent.MOST_OPENINGS, 3, id="gaps in an hour"),
        pytest.param(gaps._HOUR, HOUR, id="the hour of flapping"),
        pytest.param(gaps._SHOWN_FOR, HOUR, id="EC2 shows a terminated instance"),
        pytest.param(roster.MOST, 500, id="agents in a record"),
        pytest.param(series.MOST_KNOWN, 50, id="marks of an agent"),
        pytest.param(failed_runs._NEWS_AFTER, 15 * MINUTE, id="runs fail"),
        pytest.param(failed_runs._TOLD_AGAIN, DAY, id="runs still fail"),
        # docs/handover.md and docs/limits.md: claims, freezes, teardowns, canaries
        pytest.param(claims.CLAIM_HOLDS, DAY, id="a claim holds"),
        pytest.param(claims.UNMET_HOLDS, 7 * DAY, id="no other claim counts"),
        pytest.param((conflicts.MOST, conflicts.WINDOW), (3, DAY), id="reversals in a day"),
        pytest.param(conflicts.SHOWN_WITHIN, timedelta(seconds=5), id="EC2 shows a change"),
        pytest.param((teardown.VPC_HANDS_OFF, teardown.SUBNET_HANDS_OFF), (HOUR, 30 * MINUTE), id="teardowns"),
        pytest.param((canary.WATCHED_FOR, canary._KEPT_FOR), (10 * MINUTE, DAY), id="canaries"),
        pytest.param(associated._SEEN_WITHIN, 15 * MINUTE, id="an association is seen"),
        pytest.param((warnings.MOST_A_DAY, warnings.DAY), (3, DAY), id="warnings of a VPC in a day"),
        pytest.param(import_blocks.MOST_WRITTEN, 10, id="import blocks in a notice"),
        # docs/limits.md and docs/operate.md: endpoints
        pytest.param(endpoint_lifecycle.FRESH_FOR, 10 * MINUTE, id="EC2 doesn't show an endpoint"),
        pytest.param(endpoint_lifecycle.LONGEST, 30 * MINUTE, id="an endpoint is pending"),
        pytest.param(endpoint_lifecycle.MOST_FAILURES, 2, id="an endpoint fails in a row"),
        pytest.param(placement.FEWEST_FREE_ADDRESSES, 4, id="free addresses"),
        pytest.param(security_group.MOST_GROUPS, 10, id="security groups in a VPC"),
        pytest.param(security_group._MOST_RULES, 60, id="rules of a group, a quota of AWS's"),
        pytest.param(harm._MOST_TRIES, 25, id="placements that are tried"),
        pytest.param(cost.HOURS_A_MONTH, 730, id="hours of a month, as AWS's calculator has them"),
        pytest.param([int(urgency) for urgency in actions.Urgency], [0, 1, 2, 3], id="urgency, the least first"),
        # docs/limits.md: what counts as a few addresses; Linux's ports, and a NAT gateway's
        pytest.param((packets._FEW, packets._FEW_SHARE), (16, 8), id="a few addresses"),
        pytest.param((packets.EPHEMERAL, packets.NAT_PORTS), (((32768, 60999),), ((1024, 65535),)), id="ports"),
        pytest.param(packets.EVERY_PORT, ((0, 65535),), id="every port"),
        pytest.param(ports.HTTPS, ((443, 443),), id="HTTPS"),
        pytest.param(way_out._COMPANYS, 131_072, id="addresses of a company, twice a /16"),
        pytest.param((ownership._SHOWN, packets._SHOWN, security_group._SHOWN, waking._SHOWN), (3,) * 4, id="shown"),
    ],
)
def test_a_number_is_the_one_that_is_documented(number: object, value: object) -> None:
    assert number == value
