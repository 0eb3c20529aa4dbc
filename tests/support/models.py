"""botocore's full models of AWS's services."""

from functools import cache
from pathlib import Path

import botocore
from botocore.loaders import Loader
from botocore.model import ServiceModel
from tools.service_models import ServiceOperations

_LOADER = Loader()
OPERATIONS = ServiceOperations(Path(botocore.__file__).parent / "data")


@cache
def full_model(service: str) -> ServiceModel:
    """The newest model of the service, as pip installed it."""
    return ServiceModel(_LOADER.load_service_model(service, "service-2"), service)
