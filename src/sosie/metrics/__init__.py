"""Pure functions of answers and truth: measures, intervals, tests, calibration. Nothing here knows of a store."""
