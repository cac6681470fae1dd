import math

import pytest

from awopt_agent.serving import latency


def test_percentiles_are_durations_that_were():
  window = latency.LatencyWindow()
  for milliseconds in range(100, 0, -1):
    window.add(milliseconds / 1e3)
  # Of 1 to 100, in order: places .5, .95 and .99 of 99, rounded up.
  assert window.read() == pytest.approx((100, 51, 96, 100))


def test_old_calls_are_forgotten_but_counted():
  window = latency.LatencyWindow(size=2)
  for seconds in (9.0, 0.001, 0.002):
    window.add(seconds)
  found = window.read()
  assert (found.calls, found.p99_ms) == (3, pytest.approx(2.0))


def test_before_the_first_call_there_is_no_number():
  found = latency.LatencyWindow().read()
  assert found.calls == 0 and math.isnan(found.p50_ms + found.p99_ms)
