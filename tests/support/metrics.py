"""The stack's own metrics, as the emulator got them."""

from moto.cloudwatch.models import cloudwatch_backends

from tests.support.world import ACCOUNT, REGION


def new_datapoints(name: str) -> list[float]:
    """The values of the stack's metric that were published since the last time, in their order."""
    published = cloudwatch_backends[ACCOUNT][REGION].metric_data
    found = [one for one in published if one.name == name]
    published[:] = [one for one in published if one.name != name]
    for one in found:
        assert one.namespace == "Lifeline"
        assert [(dimension.name, dimension.value) for dimension in one.dimensions] == [("service", "lifeline")]
    return [one.value for one in found]
