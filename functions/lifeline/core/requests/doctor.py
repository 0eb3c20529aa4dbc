"""What a caller may ask of the doctor: an examination, as values or as text."""

from collections.abc import Mapping
from typing import Any

from lifeline.core.requests.calls import read_format
from lifeline.core.requests.fields import DOCTOR_FIELDS, check_names, read_true


def read_doctor(event: Mapping[str, Any]) -> bool:
    """Whether the caller of `{"doctor": true}` wants text. Raises InvalidInputError with the field."""
    check_names(event, DOCTOR_FIELDS, call="doctor")
    read_true(event, "doctor")
    return read_format(event)
