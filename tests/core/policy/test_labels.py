"""Names and tags of what is made in EC2, as a policy document says them."""

import json

import pytest

from lifeline.core.errors import InvalidInputError
from lifeline.core.policy.labels import Labels, missing_words
from lifeline.core.policy.reading import read_policy
from tests.support.builders import vpc


def read(**said: object) -> Labels:
    return read_policy(json.dumps({"version": 1, **said})).labels


@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        ({"tags": {"Name": "x"}}, "tags.Name", "name_pattern"),
        ({"copy_tags": ["team", "name"]}, "copy_tags[1]", "name_pattern"),
        ({"tags": {"lifeline:managed-by": "x"}}, "tags.lifeline:managed-by", "such as managed-by"),
        ({"copy_tags": ["Lifeline:Managed-By"]}, "copy_tags[0]", "begins with lifeline:"),
        ({"copy_tags": ["aws:cloudformation:stack-name"]}, "copy_tags[0]", "AWS reserves"),
        ({"tags": {"AWS:x": ""}}, "tags.AWS:x", "AWS reserves"),
    ],
)
def test_keys_that_aws_or_lifeline_reserves_are_refused_with_the_field(said: object, field: str, words: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read(**said)  # type: ignore[arg-type]
    assert refused.value.field == field
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"tags": {"k" * 129: ""}}, f"tags.{'k' * 129}"),
        ({"tags": {"k": "v" * 257}}, "tags.k"),
        ({"tags": {"k": "a<b"}}, "tags.k"),
        ({"tags": {"k": "a\n"}}, "tags.k"),
        ({"tags": {"k\n": "a"}}, "tags.k?"),
        ({"copy_tags": [""]}, "copy_tags[0]"),
        ({"copy_tags": ["team", "Team"]}, "copy_tags[0]"),
        ({"tags": {"team": ""}, "copy_tags": ["Team"]}, "tags.team"),
        ({"tags": {f"k{number}": "" for number in range(48)}, "copy_tags": ["one-more"]}, "tags"),
        ({"name_pattern": "{stack}-{vpc}"}, "name_pattern"),
        ({"name_pattern": "{service}-{vpcs}"}, "name_pattern"),
        ({"name_pattern": "{service}!"}, "name_pattern"),
        ({"name_pattern": "{service}{"}, "name_pattern"),
        ({"name_pattern": "{stack}{stack}{service}"}, "name_pattern"),
    ],
)
def test_what_ec2_would_refuse_is_refused_with_the_field(said: object, field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read(**said)  # type: ignore[arg-type]
    assert refused.value.field == field


def test_a_wrong_variable_is_answered_with_the_nearest() -> None:
    with pytest.raises(InvalidInputError, match=r"no variable \{services\}; did you mean \{service\}\?"):
        read(name_pattern="{services}")


def test_the_vpcs_value_goes_before_the_policys_and_nothing_is_made_up() -> None:
    labels = read(tags={"env": "shared", "cost": "1"}, copy_tags=["team", "env", "owner"])
    tagged = vpc(tags=(("env", "prod"), ("team", "a"), ("other", "x"), ("Owner", "me")))
    assert labels.tags_in(tagged) == (("cost", "1"), ("env", "prod"), ("team", "a"))
    assert labels.missing_in(tagged) == ("owner",)
    assert "owner (but Owner)" in missing_words(labels.missing_in(tagged), tagged)
    assert labels.tags_in(vpc()) == (("cost", "1"), ("env", "shared"))
    assert labels.missing_in(vpc()) == ("team", "owner")


def test_48_keys_are_allowed_and_values_may_be_empty_or_foreign() -> None:
    assert len(read(tags={f"k{number}": "" for number in range(48)}, copy_tags=["k1"]).tags) == 48
    assert read(tags={"équipe": "été 1+1=2 a/b@c"}).tags == (("équipe", "été 1+1=2 a/b@c"),)


def test_a_name_never_looks_like_an_id_and_leaves_room_for_a_number() -> None:
    labels = read(name_pattern="{stack}-{service}-{vpc}")
    given = {"vpc": "vpc-0123456789abcdef0", "region": "us-east-1", "account": "1" * 12}
    assert labels.name(stack="one", service="s3", **given) == "one-s3-vpc-0123456789abcdef0"
    assert labels.name(stack="sg-1", service="s3", **given).startswith("lifeline-sg-1-s3")
    assert len(labels.name(stack="s" * 128, service="x" * 300, **given)) == 244
