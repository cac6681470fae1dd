"""Measurements, for people to run; no test is timed."""

from awopt_agent import quiet  # noqa: F401  Before TensorFlow.
