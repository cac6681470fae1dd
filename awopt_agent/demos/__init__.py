"""Demonstrations: reading, checking, recording and writing RLDS data."""
