"""Many roles as one run: starts, watches, restarts and stops them."""
