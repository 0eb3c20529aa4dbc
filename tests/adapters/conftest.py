"""What adapters' tests share."""

from tests.support.calls_made import every_call_is_derived

__all__ = ["every_call_is_derived"]
