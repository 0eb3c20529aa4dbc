"""A session for tools that run on a laptop: it reads, and refuses to send anything else.

What may be sent is listed by service and exact name, because a name that begins like a read isn't always one:
`GetFederationToken` hands out credentials. Some reads have other names. Creating an endpoint is let through as a dry
run, which creates nothing (EC2 API: CreateVpcEndpoint, DryRun).
"""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound
from botocore.session import Session

from lifeline.adapters.aws import clients
from lifeline.adapters.aws.calls import ours
from lifeline.core.errors import TerminalError

# A test holds these against what the adapters call, and against AWS's own list of operations.
READS: Mapping[str, frozenset[str]] = {
    "account": frozenset({"GetAccountInformation"}),
    "cloudformation": frozenset({"DescribeStackResources", "DescribeStacks", "ListStackResources"}),
    "cloudtrail": frozenset({"DescribeTrails", "GetEventSelectors", "GetTrail", "GetTrailStatus", "LookupEvents"}),
    "cloudwatch": frozenset({"GetMetricData", "ListMetrics"}),
    "ds": frozenset({"DescribeDirectories"}),
    "dynamodb": frozenset({"BatchGetItem", "GetItem", "Query"}),
    "ec2": frozenset(
        {
            "DescribeAvailabilityZones",
            "DescribeDhcpOptions",
            "DescribeInstanceStatus",
            "DescribeInstances",
            "DescribeInternetGateways",
            "DescribeNatGateways",
            "DescribeNetworkAcls",
            "DescribeNetworkInterfaces",
            "DescribeRegions",
            "DescribeRouteTables",
            "DescribeSecurityGroups",
            "DescribeSubnets",
            "DescribeTransitGatewayAttachments",
            "DescribeTransitGatewayVpcAttachments",
            "DescribeVpcAttribute",
            "DescribeVpcEndpointServices",
            "DescribeVpcEndpoints",
            "DescribeVpcPeeringConnections",
            "DescribeVpcs",
            "GetManagedPrefixListEntries",
            "SearchTransitGatewayRoutes",
        }
    ),
    "ecs": frozenset(
        {
            "DescribeContainerInstances",
            "DescribeServices",
            "DescribeTaskDefinition",
            "DescribeTasks",
            "ListClusters",
            "ListServices",
            "ListTasks",
        }
    ),
    "events": frozenset({"DescribeRule", "ListRuleNamesByTarget", "ListRules", "ListTargetsByRule"}),
    "iam": frozenset(
        {
            "GenerateServiceLastAccessedDetails",  # IAM's own access level for it is Read
            "GetInstanceProfile",
            "GetServiceLastAccessedDetails",
            "SimulatePrincipalPolicy",
        }
    ),
    "lambda": frozenset(
        {
            "GetAccountSettings",
            "GetFunctionConcurrency",
            "GetFunctionConfiguration",
            "ListEventSourceMappings",
            "ListFunctions",
        }
    ),
    "logs": frozenset({"DescribeLogGroups", "FilterLogEvents", "GetQueryResults", "StartQuery"}),
    "organizations": frozenset({"DescribeOrganization", "ListAccounts"}),
    "route53": frozenset({"GetHostedZone", "GetHostedZoneLimit", "ListHostedZonesByVPC", "ListResourceRecordSets"}),
    "route53profiles": frozenset({"ListProfileAssociations", "ListProfileResourceAssociations", "ListProfiles"}),
    "route53resolver": frozenset(
        {
            "GetResolverRule",
            "ListResolverEndpointIpAddresses",
            "ListResolverEndpoints",
            "ListResolverQueryLogConfigAssociations",
            "ListResolverQueryLogConfigs",
            "ListResolverRuleAssociations",
            "ListResolverRules",
        }
    ),
    "scheduler": frozenset({"GetSchedule"}),
    "service-quotas": frozenset({"GetAWSDefaultServiceQuota", "GetServiceQuota"}),
    "sns": frozenset({"GetSubscriptionAttributes", "GetTopicAttributes", "ListSubscriptionsByTopic"}),
    "sqs": frozenset({"GetQueueAttributes", "GetQueueUrl"}),
    "ssm": frozenset({"DescribeParameters", "GetParameter", "GetParameters", "GetParametersByPath"}),
    "sts": frozenset({"DecodeAuthorizationMessage", "GetCallerIdentity"}),
}
DRY_RUNS: Mapping[str, frozenset[str]] = {"ec2": frozenset({"CreateVpcEndpoint"})}


class UnusableError(Exception):
    """The arguments are unusable; the message says which and why."""


def read_only_session(region: str, profile: str) -> Session:
    """The session that the adapters use, set up to refuse what isn't a read. Empty arguments leave it to the
    environment. Raises UnusableError.
    """
    clients.session.cache_clear()
    session = clients.session()
    given = {"region": region, "profile": profile}
    for name in filter(given.get, given):
        session.set_config_variable(name, given[name])
    try:
        session.get_scoped_config()
    except ProfileNotFound as error:
        raise UnusableError(f"PROFILE: {error}") from error
    if not session.get_config_variable("region"):
        raise UnusableError("REGION is missing, and neither the environment nor the profile sets a region")
    session.register("before-call", _refuse_changes)
    return session


def account_of(session: Session) -> str:
    """The account of the credentials. This call needs no permission (STS API: GetCallerIdentity). Raises ours."""
    sts: Any = session.create_client("sts")
    try:
        return str(sts.get_caller_identity()["Account"])
    except (ClientError, BotoCoreError) as error:
        raise ours(error, "your credentials") from error


def _refuse_changes(**call: Any) -> None:
    service, operation = call["model"].service_model.service_name, call["model"].name
    if operation in READS.get(service, ()):
        return
    if operation in DRY_RUNS.get(service, ()):
        if _is_dry(call["params"]):
            return
        raise TerminalError(f"{operation} was not sent, because it isn't a dry run")
    raise TerminalError(f"{operation} was not sent, because it could change something")


def _is_dry(request: Mapping[str, Any]) -> bool:
    """Whether what is about to be sent says so: EC2's calls are forms, and their fields are text."""
    body = request.get("body")
    return isinstance(body, Mapping) and body.get("DryRun") == "true"
