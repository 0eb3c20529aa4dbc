"""Structured logs and metrics: one logger and one metrics object for the whole package."""

from aws_lambda_powertools import Logger, Metrics

logger = Logger(service="lifeline")
metrics = Metrics(namespace="Lifeline", service="lifeline")
