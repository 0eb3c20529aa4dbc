"""Structured logs: one logger for the whole package."""

from aws_lambda_powertools import Logger

from lifeline.core.errors import InvalidInputError

logger = Logger(service="lifeline")


def log_refusal(error: InvalidInputError, run_id: str) -> None:
    """That what a caller sent can't be used."""
    logger.warning("refused", field=error.field, refusal=error.message, run_id=run_id)
