"""How well a loop kept its time."""

import collections
from typing import NamedTuple

import numpy as np

__all__ = ['Percentiles', 'Timing', 'TimingSummary']

# Of the latest steps: half a day at 10 Hz.
_REMEMBERED = 500_000


class Percentiles(NamedTuple):
  """Of durations, milliseconds; NaN where there was none."""

  p50_ms: float
  p95_ms: float
  p99_ms: float
  max_ms: float

  def __str__(self) -> str:
    return (
      f'{self.p50_ms:.2f} / {self.p95_ms:.2f} / {self.p99_ms:.2f} / '
      f'{self.max_ms:.2f} ms'
    )


class TimingSummary(NamedTuple):
  """How well a loop kept its time.

  Attributes:
    steps: Steps that were timed.
    misses: Those that were not done when the next one was due.
    jitter: By how much a step began later than it was due.
    latency: From when a step was due to when its action was under way.
  """

  steps: int
  misses: int
  jitter: Percentiles
  latency: Percentiles

  def __str__(self) -> str:
    return (
      f'{self.misses} of {self.steps} steps missed their deadline; p50 / p95 / '
      f'p99 / max of jitter {self.jitter}, of latency {self.latency}'
    )


class Timing:
  """Counts steps; for one thread."""

  def __init__(self):
    """Begins without a step."""
    self._late_s: collections.deque[float] = collections.deque(
      maxlen=_REMEMBERED
    )
    self._busy_s: collections.deque[float] = collections.deque(
      maxlen=_REMEMBERED
    )
    self._steps = self._misses = 0

  def add(self, late_s: float, busy_s: float, *, missed: bool) -> None:
    """Counts a step.

    Args:
      late_s: By how much it began too late.
      busy_s: When it was done, from when it was due.
      missed: Whether that was too late.
    """
    self._late_s.append(late_s)
    self._busy_s.append(busy_s)
    self._steps += 1
    self._misses += missed

  def read(self) -> TimingSummary:
    """Returns the summary of now."""
    return TimingSummary(
      self._steps,
      self._misses,
      _percentiles(self._late_s),
      _percentiles(self._busy_s),
    )


def _percentiles(seconds) -> Percentiles:
  if not seconds:
    return Percentiles(*[float('nan')] * 4)
  # Of durations that were, none between two.
  found = np.percentile([*seconds], (50, 95, 99, 100), method='higher')
  return Percentiles(*(1e3 * float(value) for value in found))
