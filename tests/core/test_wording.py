"""Text that others wrote, on its way into sentences, mails and chat."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lifeline.core.wording import inert, inert_json, principal_in, quoted, shorten, unlinked, wrap, write_actor


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https://evil.example/x", "https[:]//evil[.]example/x"),
        ("see www.evil.com", "see www[.]evil[.]com"),
        ("evil.co.uk/login", "evil[.]co[.]uk/login"),
        ("@here and @channel", "(at)here and (at)channel"),
        ("<!channel> <@U1>", "(!channel) ((at)U1)"),
        ("[docs](http://evil.com)", "[docs] (http[:]//evil[.]com)"),
        ("ann@example.com", "ann@example[.]com"),
        ("```x```", "'''x'''"),
        ("a\r\nSubject: b\u202e", "a??Subject: b?"),
    ],
)
def test_what_mail_clients_and_chat_make_more_of_is_broken_where_everybody_sees_it(text: str, words: str) -> None:
    assert unlinked(text) == words


@pytest.mark.parametrize("text", ["A" * 400_000, "a-" * 200_000, '"' * 400_000])
def test_a_text_of_any_length_is_read_once(text: str) -> None:
    assert unlinked(text) == text  # hours, if it were read again from each of its letters


@pytest.mark.parametrize(
    "text",
    [
        "monitoring.us-east-1.amazonaws.com",
        "ec2.amazonaws.com called DeleteRoute",
        "api.ecr.eu-central-1.amazonaws.com",
        "com.amazonaws.us-east-1.ecr.api",
        "rules[2].services[0]: must be a service such as ecr.api",
        "ip-10-0-0-1.eu-west-1.compute.internal",
        "deploy-role/release-1842",
        "vpc-0123456789abcdef0 (10.0.0.0/16, 2600:1f18::/56) at 09:06:30 UTC",
    ],
)
def test_ids_services_and_addresses_stay_as_they_are(text: str) -> None:
    assert unlinked(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "evil.s3.us-east-1.amazonaws.com",
        "s3.us-east-1.amazonaws.com/evil",
        "s3.amazonaws.com:443/evil",
        "s3.amazonaws.com?evil",
        "s3.amazonaws.com#evil",
        "s3.amazonaws.com\\evil",
        "evil.us-east-1.elb.amazonaws.com",
    ],
)
def test_what_anyone_can_host_at_aws_is_a_link_like_any_other(text: str) -> None:
    assert "amazonaws[.]com" in unlinked(text)


@pytest.mark.parametrize("text", ["evil.ninja", "ops/ann.smith", "template.yaml", "access.log"])
def test_a_host_with_a_rare_ending_stays_as_names_of_people_and_files_do(text: str) -> None:
    assert unlinked(text) == text
    assert unlinked(f"https://{text}") == f"https[:]//{text}"


@given(st.text())
def test_a_text_that_is_safe_stays_the_same(text: str) -> None:
    assert unlinked(unlinked(text)) == unlinked(text)


@given(st.text("wcomn.-/:aA", max_size=60), st.integers(min_value=5, max_value=60))
@example("log in at login.company", 22)
def test_a_text_that_is_cut_ends_in_no_host(text: str, longest: int) -> None:
    cut = shorten(unlinked(text), longest)
    assert len(cut) <= longest
    assert unlinked(cut) == cut
    assert inert(inert(text)) == inert(text)


def test_json_keeps_its_shape_and_exact_names_and_only_its_texts_change() -> None:
    facts = {"actor": "ann@example.com", "n": 1, "on": True, "none": None, "lines": ("<!here>", ["http://x"])}
    assert inert_json(facts) == facts | {"lines": ["(!here)", ["http[:]//x"]]}


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("app-prod", "app-prod"),
        ("Prod, do not touch", '"Prod, do not touch"'),
        ('x"). Lifeline says: ("', "\"x'). Lifeline says: ('\""),
        ("  padded ", "padded"),
        ("", ""),
        ("n" * 99, "n" * 57 + "..."),
    ],
)
def test_a_name_that_is_more_than_a_word_is_quoted_and_a_long_one_cut(name: str, written: str) -> None:
    assert quoted(name) == written


def test_a_role_and_its_session_are_never_cut() -> None:
    assert write_actor(f"{'r' * 64}/{'s' * 64}") == f"{'r' * 64}/{'s' * 64}"


@pytest.mark.parametrize(
    ("actor", "longest", "written"),
    [
        ("ops/dana via CloudFormation", 130, "ops/dana via CloudFormation"),
        ("ops/dana via CloudFormation", 26, "dana via CloudFormation"),
        ("ops/dana via CloudFormation", 10, "dana"),
        (f"{'r' * 64}/{'s' * 64} via rds.amazonaws.com", 130, f"{'s' * 64} via rds.amazonaws.com"),
        (f"user/{'path/' * 30}dana", 130, "dana"),
        ("AWSReservedSSO_Admin_0123456789abcdef/dana@example.com", 40, "dana@example[.]com"),
        ("saml-user/Dana Smith", 130, '"saml-user/Dana Smith"'),
        ("saml-user/Dana <https://evil.example>", 10, '"Dana (https[:]//evil[.]example)"'),
        ("ops/dana via <!here>", 130, '"ops/dana via (!here)"'),
        ("AWSServiceRoleForRDS/SLRManagement", 10, "AWSServiceRoleForRDS"),
        ("", 130, ""),
    ],
)
def test_of_who_called_the_persons_own_name_stays_whole(actor: str, longest: int, written: str) -> None:
    assert write_actor(actor, longest) == written


@given(st.text(min_size=1, max_size=60))
def test_a_quoted_name_is_never_broken_over_two_lines(name: str) -> None:
    written = quoted(name)
    lines = wrap(f"{'word ' * 12}{written} and more words")
    assert any(written in line for line in lines)


def test_no_line_of_a_paragraph_begins_with_the_label_of_a_part() -> None:
    lines = wrap("x Next: word Why: word IDs: word " * 30)
    assert not [line for line in lines if line.startswith(("Next:", "Why:", "IDs:"))]


@pytest.mark.parametrize(
    ("actor", "principal"),
    [
        ("ops/dana", "ops"),
        ("ops/dana via CloudFormation", "ops"),
        ("user/people/dana", "user/people/dana"),
        ("root", "root"),
        ("", ""),
    ],
)
def test_whatever_a_session_is_called_its_principal_is_the_role(actor: str, principal: str) -> None:
    assert principal_in(actor) == principal
