"""Notices of what an SSM parameter says: with the command that tells who changed it last."""

import pytest

from lifeline.core.notices.kill_switch import switch_notice
from lifeline.core.notices.policy import Problem, policy_notice

WHO = """\
    aws ssm get-parameter-history --name /lifeline/x \\
      --query 'Parameters[-1].[LastModifiedUser,LastModifiedDate]'
"""


def test_who_set_the_kill_switch_can_be_asked_with_one_command() -> None:
    assert f"To see who changed it last:\n{WHO}" in switch_notice("it is on", "/lifeline/x", ()).text


@pytest.mark.parametrize("version", [0, 7])
def test_who_wrote_the_policy_can_be_asked_where_a_version_was_read(version: int) -> None:
    text = policy_notice(Problem("rules", "must be a list", version, in_force=6, is_news=True), "/lifeline/x").text
    assert (WHO in text) is bool(version)
