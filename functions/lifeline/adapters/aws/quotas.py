"""What an account may have, and how much of it is there."""

from lifeline.adapters.aws.calls import aws_errors, pages
from lifeline.adapters.aws.clients import ClientOf, client
from lifeline.core.doctor.quotas import Concurrency


class QuotaReader:
    """Service Quotas' values, Lambda's own, and what EC2 has in the region."""

    def __init__(self, client: ClientOf = client) -> None:
        self._client = client

    def value(self, code: str) -> int:
        """The value of a quota of Amazon VPC that is in force here. Raises ours."""
        with aws_errors(f"get_service_quota vpc {code}"):
            answer = self._client("service-quotas").get_service_quota(ServiceCode="vpc", QuotaCode=code)
        return int(answer["Quota"]["Value"])

    def concurrency(self) -> Concurrency:
        """How many runs Lambda lets the account have at once. Raises ours."""
        with aws_errors("get_account_settings"):
            limits = self._client("lambda").get_account_settings()["AccountLimit"]
        whole = int(limits["ConcurrentExecutions"])
        return Concurrency(whole, int(limits.get("UnreservedConcurrentExecutions", whole)))

    def reserved(self, function: str) -> int | None:
        """How many runs the function, by its name, has reserved; None if none are. Raises ours."""
        with aws_errors(f"get_function_concurrency {function}"):
            answer = self._client("lambda").get_function_concurrency(FunctionName=function)
        found = answer.get("ReservedConcurrentExecutions")
        return None if found is None else int(found)

    def count_network_interfaces(self) -> int:
        """How many network interfaces the region has. Raises ours."""
        return len(pages(self._client("ec2"), "describe_network_interfaces", "NetworkInterfaces"))

    def count_security_groups(self) -> int:
        """How many security groups the region has. Raises ours."""
        return len(pages(self._client("ec2"), "describe_security_groups", "SecurityGroups"))
