"""Suites of runs (task x variant x seed), and the report made from them."""
