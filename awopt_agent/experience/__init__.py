"""Replay: labels, tables split by success, balanced data sets."""
