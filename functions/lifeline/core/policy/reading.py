"""From a policy document, which fits its schema, to the policy."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.network.model import Ranges, Tier
from lifeline.core.network.packets import joined
from lifeline.core.owner import OwnerTags
from lifeline.core.policy.central import read_central
from lifeline.core.policy.document import check_names, read_document, read_tags, shown
from lifeline.core.policy.endpoint_policies import DEFAULT
from lifeline.core.policy.labels import read_labels
from lifeline.core.policy.policy import (
    PRIVATE,
    AllAccounts,
    Exempted,
    Limits,
    Policy,
    PolicyRule,
    Quotas,
    Shares,
    read_date,
)
from lifeline.core.policy.service_names import unknown_words
from lifeline.core.policy.service_sets import NAMED_SETS, expand
from lifeline.core.policy.watches import read_maintenance, read_severities, read_watches

_BUDGETS = ("monthly_usd_per_vpc", "monthly_usd")  # in USD; the other limits are whole numbers


def read_policy(text: str, rules: Sequence[PolicyRule] = ()) -> Policy:
    """The policy that a document says, once it keeps to `policy.schema.json`. What it leaves out is as in `Policy()`;
    `rules` are those of the stack, for a document without any.

    Raises InvalidInputError for everything else, with the path to the first field that is wrong: `rules[0].require[1]`,
    or `policy` for the document as a whole.
    """
    document = read_document(text)
    usual = Policy(rules=())
    per_zone = document.get("coverage", "az") == "az"
    if "rules" in document:
        rules = [_rule(rule, per_zone=per_zone) for rule in document["rules"]]
        check_names("rules", [rule.name for rule in rules])
    else:
        rules = [replace(rule, per_zone=per_zone) for rule in rules]
    proven = document.get("prove_event_path", usual.proves_event_path)
    watches = read_watches(document["watches"]) if "watches" in document else usual.watches
    return Policy(
        rules=tuple(rules),
        exemptions=tuple(
            _exemption(exemption, place) for place, exemption in enumerate(document.get("exemptions", []))
        ),
        limits=Quotas(**_whole_numbers(document.get("limits", {}))),
        without_approval=_without_approval(document.get("without_approval", {})),
        shares=Shares(**_whole_numbers(document.get("shares", {}))),
        fix_dns=document.get("fix_dns", usual.fix_dns),
        per_zone=per_zone,
        retire_after=_length(document, "retire_after_hours", usual.retire_after, hours=1),
        is_canary=document.get("canary", usual.is_canary),
        iac_debounce=_length(document, "iac_debounce_seconds", usual.iac_debounce, seconds=1),
        watches=watches,
        maintenance=read_maintenance(document.get("maintenance", []), watches),
        severities=read_severities(document.get("severities", []), watches),
        owner_tags=OwnerTags(**document.get("owner_tags", {})),
        sends_events=document.get("send_events", usual.sends_events),
        proves_event_path=bool(proven),
        unproven_accounts=frozenset(proven["except"] if isinstance(proven, dict) else ()),
        ledger_keep=_length(document, "ledger_days", usual.ledger_keep, days=1),
        hash_session_names=document.get("session_names", "show") == "hash",
        ports=_ports(document.get("ports", {})),
        gateway_always=frozenset(document.get("gateway_always", [])),
        acts_on_backlog=document.get("backlog", "ask") == "act",
        labels=read_labels(document),
        endpoint_policies=tuple(sorted(document.get("endpoint_policies", {}).items())),
        organization=document.get("organization", usual.organization),
        runbook_url=document.get("runbook_url", usual.runbook_url),
        central=read_central(document.get("central")),
    )


def _ports(said: Mapping[str, Sequence[int]]) -> tuple[tuple[str, Ranges], ...]:
    """The ports of each service, in the services' order."""
    found = {service: joined((int(port), int(port)) for port in ports) for service, ports in said.items()}
    return tuple(sorted(found.items()))


def check_services(text: str, known: Collection[str]) -> None:
    """Nothing, once each service that a valid document names is one of the known ones.

    Raises InvalidInputError with the path to the first that isn't, and the nearest right name.
    """
    document = read_document(text)
    lists = [(f"rules[{place}].require", rule["require"]) for place, rule in enumerate(document.get("rules", []))]
    lists += [
        (f"exemptions[{place}].services", exemption.get("services", []))
        for place, exemption in enumerate(document.get("exemptions", []))
    ]
    lists.append(("central.services", document.get("central", {}).get("services", [])))
    for field, names in lists:
        for place, name in enumerate(names):
            if name not in known:
                raise InvalidInputError(f"{field}[{place}]", unknown_words(name, known))
    for name in sorted(document.get("endpoint_policies", {})):
        if name != DEFAULT and (name not in known or name in NAMED_SETS):
            words = unknown_words(name, {*known, DEFAULT} - NAMED_SETS.keys())
            raise InvalidInputError(f"endpoint_policies.{name}", words)


def _without_approval(said: Mapping[str, Any]) -> Limits:
    """The limits. JSON's numbers count as they are written: 99.9 is 99.90 USD."""
    in_all = AllAccounts(**_amounts(said.get("all_accounts", {})))
    return Limits(**_amounts({name: said[name] for name in said if name != "all_accounts"}), all_accounts=in_all)


def _amounts(said: Mapping[str, int | float]) -> dict[str, Any]:
    return {name: Decimal(str(number)) if name in _BUDGETS else int(number) for name, number in said.items()}


def _length(said: Mapping[str, Any], field: str, usual: timedelta, **unit: int) -> timedelta:
    """So many of the unit as the field says."""
    return int(said[field]) * timedelta(**unit) if field in said else usual


def _whole_numbers(said: Mapping[str, int]) -> dict[str, int]:
    """The numbers as whole ones: 20.0 is a whole number in JSON Schema."""
    return {name: int(number) for name, number in said.items()}


def _rule(said: Mapping[str, Any], *, per_zone: bool) -> PolicyRule:
    where = said.get("where", {})
    return PolicyRule(
        services=expand(said["require"]),
        per_zone=said["coverage"] == "az" if "coverage" in said else per_zone,
        tiers=frozenset(map(Tier, where["tiers"])) if "tiers" in where else PRIVATE,
        vpc_ids=frozenset(where.get("vpc_ids", ())),
        vpc_tags=read_tags(where.get("vpc_tags", {})),
        subnet_tags=read_tags(where.get("subnet_tags", {})),
        name=said.get("name", ""),
    )


def _exemption(said: Mapping[str, Any], place: int) -> Exempted:
    until = read_date(said["until"]) if "until" in said else None
    if "until" in said and until is None:
        raise InvalidInputError(f"exemptions[{place}].until", f"{shown(said['until'])} is not a day of the calendar")
    subject = said["vpc_id"] if "vpc_id" in said else said["subnet_id"]
    return Exempted(subject, tuple(sorted(expand(said.get("services", ())))), until, said["reason"])
