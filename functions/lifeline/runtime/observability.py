"""Structured logs: one logger for the whole package."""

from aws_lambda_powertools import Logger

logger = Logger(service="lifeline")
