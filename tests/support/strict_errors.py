"""Refusals in AWS's own form."""

from uuid import uuid4

from botocore.exceptions import ClientError

# EC2 API: error codes. What isn't listed is the client's fault: 400.
_STATUSES = {
    "DryRunOperation": 412,
    "InternalError": 500,
    "InternalFailure": 500,
    "RequestLimitExceeded": 503,
    "ServiceUnavailable": 503,
    "Unavailable": 503,
    "UnauthorizedOperation": 403,
}


class RefusedError(Exception):
    """AWS would refuse the call, with this code and these words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    def as_client_error(self, operation: str) -> ClientError:
        """The error that boto3 raises for it."""
        return ClientError(
            {
                "Error": {"Code": self.code, "Message": self.message},
                "ResponseMetadata": {
                    "RequestId": str(uuid4()),
                    "HTTPStatusCode": _STATUSES.get(self.code, 400),
                    "HTTPHeaders": {},
                    "RetryAttempts": 0,
                    "HostId": "",
                },
            },
            operation,
        )
