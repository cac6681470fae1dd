import math

import pytest

from awopt_agent.serving.control import timing


def test_percentiles_are_of_durations_that_were():
  times = timing.Timing()
  for step in range(1, 101):
    times.add(step / 1e3, step / 1e2, missed=step > 98)
  found = times.read()
  assert (found.steps, found.misses) == (100, 2)
  # Between the 50th and the 51st of 100 the higher one.
  assert found.jitter == pytest.approx((51, 96, 100, 100))
  assert found.latency == pytest.approx((510, 960, 1000, 1000))
  assert str(found) == (
    '2 of 100 steps missed their deadline; p50 / p95 / p99 / max of jitter '
    '51.00 / 96.00 / 100.00 / 100.00 ms, of latency 510.00 / 960.00 / 1000.00 '
    '/ 1000.00 ms'
  )


def test_without_a_step_there_is_no_number():
  assert all(map(math.isnan, timing.Timing().read().jitter))
