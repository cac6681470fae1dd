"""How long a policy takes to answer."""

import collections
import threading
from typing import NamedTuple

import numpy as np

__all__ = ['Latency', 'LatencyWindow']


class Latency(NamedTuple):
  """Percentiles of the latest calls, milliseconds; NaN before the first.

  Attributes:
    calls: All that were answered, also those before the latest.
    p50_ms: Half of the latest took no longer.
    p95_ms: 95 of 100 took no longer.
    p99_ms: 99 of 100 took no longer.
  """

  calls: int
  p50_ms: float
  p95_ms: float
  p99_ms: float


class LatencyWindow:
  """The durations of the latest calls; safe to use from several threads."""

  def __init__(self, size: int = 1000):
    """Begins without a call.

    Args:
      size: Calls that are remembered.
    """
    self._lock = threading.Lock()
    self._latest: collections.deque[float] = collections.deque(maxlen=size)
    self._calls = 0

  def add(self, seconds: float) -> None:
    """Counts a call."""
    with self._lock:
      self._latest.append(seconds)
      self._calls += 1

  def read(self) -> Latency:
    """Returns the percentiles of now."""
    with self._lock:
      latest, calls = [*self._latest], self._calls
    if not latest:
      return Latency(0, *[float('nan')] * 3)
    # Of durations that were, none between two.
    found = np.percentile(latest, (50, 95, 99), method='higher')
    return Latency(calls, *(1e3 * float(value) for value in found))
