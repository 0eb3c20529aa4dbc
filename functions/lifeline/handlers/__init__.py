"""Lambda entry points: settings, one call, metrics."""

import gc

# A cold start makes hundreds of thousands of objects that stay, and by default Python searches them for garbage after
# each 2,000: a twelfth of the imports' time (bench/cold.py). What an event leaves behind is still collected.
gc.set_threshold(50_000)
