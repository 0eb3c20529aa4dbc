"""What to check where dry runs aren't heard: in the stack's own account, and in one that a hub serves."""

from lifeline.core.notices.event_path import unheard_notice
from tests.golden.stories import NINE, dry_runs


def test_the_own_accounts_rules_lead_to_the_queue() -> None:
    words = " ".join(unheard_notice(dry_runs(4, 2, 1), NINE).next)
    assert "the stack's EventBridge rules are enabled and have the queue Changes as their target" in words
    assert "spoke" not in words


def test_a_spokes_rules_lead_to_the_hubs_bus_and_only_the_hub_has_the_queue() -> None:
    spoke, bus, hub = unheard_notice(dry_runs(4, 2, 1), NINE, is_member=True).next[3:6]
    assert "its rules are enabled with the hub's bus as target" in spoke
    assert "events:PutEvents" in bus
    assert hub.startswith("- in the hub:")
    assert "queue Changes" not in spoke + bus
