"""botocore's full models of AWS's services."""

from collections.abc import Iterable
from functools import cache

from botocore.loaders import Loader
from botocore.model import ServiceModel

_LOADER = Loader()


@cache
def full_model(service: str) -> ServiceModel:
    """The newest model of the service, as pip installed it."""
    return ServiceModel(_LOADER.load_service_model(service, "service-2"), service)


def operations_of(service: str) -> Iterable[str]:
    """The operations as the API names them, such as `CreateVpcEndpoint`."""
    return full_model(service).operation_names
