"""What a peer's own Python runs; only `wire` is for both sides.

The programs here start from their own folder, so that they import each other
by bare names, and nothing of awopt_agent.
"""
