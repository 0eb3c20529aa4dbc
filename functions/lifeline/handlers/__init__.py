"""Lambda entry points: settings, one call, metrics."""
