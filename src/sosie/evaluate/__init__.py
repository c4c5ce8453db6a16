"""How good the answers are: truths, leaks, figures with intervals, comparisons, calibration, health."""
