"""The parts of a run as programs of their own, joined by a replay server."""
