"""On which TCP ports a service listens."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from lifeline.core.network.model import Ranges, without_fips
from lifeline.core.network.packets import joined

HTTPS: Ranges = ((443, 443),)
# To public addresses, EC2 blocks it until AWS lifts that for an account. No API says whether it has; an endpoint isn't
# affected (SES guide: connecting to an SMTP endpoint; AWS Knowledge Center: ec2-port-25-throttle).
SMTP: Ranges = ((25, 25),)
_KNOWN: Mapping[str, Ranges] = MappingProxyType(
    {
        # AppStream guide: creating and streaming from interface VPC endpoints.
        "appstream.streaming": ((443, 443), (1400, 1499)),
        # Backup guide: access AWS Backup using an interface VPC endpoint: ports for Backup gateway.
        "backup-gateway": ((443, 443), *((port, port) for port in (1026, 1027, 1028, 1031, 2222))),
        # Keyspaces guide: using interface VPC endpoints.
        "cassandra": ((9142, 9142),),
        # DataSync guide: network requirements, VPC endpoints.
        "datasync": ((443, 443), (1024, 1064)),
        # IoT guide: Device Advisor: protocols, port mappings, and authentication.
        "deviceadvisor.iot": ((443, 443), (8883, 8883)),
        # SES guide: connecting to an SMTP endpoint; setting up VPC endpoints.
        "email-smtp": ((25, 25), (465, 465), (587, 587), (2465, 2465), (2587, 2587)),
        # WorkSpaces guide: create and stream from interface VPC endpoints: streaming. It takes UDP there as well.
        "highlander": ((443, 443), (4195, 4195)),
        # IoT guide: protocols, port mappings, and authentication: MQTT and HTTPS.
        "iot.data": ((443, 443), (8883, 8883)),
        # IVS guide: private ingest: RTMPS and RTMP.
        "ivs.contribute": ((443, 443), (1935, 1935)),
        # S3 guide: data protection and encryption of directory buckets: HTTPS only. AWS's list leaves out this gateway.
        "s3express": HTTPS,
        # Storage Gateway guide: ports that a gateway needs to reach its VPC endpoint.
        "storagegateway": ((443, 443), *((port, port) for port in (1026, 1027, 1028, 1031, 2222))),
        # Transcribe guide: setting up a streaming transcription: HTTP/2, and WebSockets.
        "transcribestreaming": ((443, 443), (8443, 8443)),
        # Transfer Family guide: SFTP, the only protocol of this endpoint.
        "transfer.server": ((22, 22),),
    }
)


def ports_of(service: str, said: Mapping[str, Ranges]) -> Ranges:
    """The ports of a service, by its suffix; none where they aren't known. What the policy says (`said`) goes first.

    AWS lists services by name without their ports (PrivateLink guide: AWS services that integrate with AWS
    PrivateLink). Those are HTTPS APIs, but for the ones above. A name that isn't among them may be anything.
    """
    name = without_fips(service)
    found = said.get(service) or _KNOWN.get(name) or (HTTPS if name in _https_services() else ())
    return joined(found)


def ports_unknown(service: str) -> str:
    """That they aren't known, as a clause."""
    return f"the ports of the {service} service aren't known"


def known_services() -> frozenset[str]:
    """The endpoint services of AWS whose names are known, whatever the region."""
    return _https_services() | _KNOWN.keys()


@cache
def _https_services() -> frozenset[str]:
    text = files("lifeline.core.network").joinpath("https_services.json").read_text("utf-8")
    return frozenset(json.loads(text)["services"])
