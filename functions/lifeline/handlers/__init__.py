"""Lambda entry points: settings, one call, metrics."""

from lifeline.runtime import cold_start

cold_start.begin()
