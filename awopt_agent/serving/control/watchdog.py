"""Looks at the clock, whatever the loop does."""

import math
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from awopt_agent.serving.control import faults

__all__ = ['Freshness', 'StaleError', 'Watchdog']

# Between the clock's two readings, in two processes.
_AHEAD_S = 0.01


class StaleError(ValueError):
  """What a robot sees is too old."""


class _Deadline(NamedTuple):
  before_s: float
  kind: faults.Kind
  reason: str


class Watchdog:
  """Trips when something that was expected does not come in time.

  A thread of its own, so that neither the loop nor what it waits for can keep
  it from looking.
  """

  def __init__(self, trip: Callable[[faults.Kind, str], None]):
    """Starts the thread; nothing is expected.

    Args:
      trip: Is called once, with the first thing that did not come.
    """
    self._trip = trip
    self._changed = threading.Condition()
    self._expected: dict[str, _Deadline] = {}
    self._closed = False
    self._thread = threading.Thread(
      target=self._run, name='watchdog', daemon=True
    )
    self._thread.start()

  def expect(
    self, name: str, before_s: float, kind: faults.Kind, reason: str
  ) -> None:
    """Expects another call with this name before a moment.

    Args:
      name: Of what is expected; replaces what it stood for so far.
      before_s: Moment, by `time.monotonic()`.
      kind: Of the fault, if it does not come.
      reason: One line.
    """
    with self._changed:
      self._expected[name] = _Deadline(before_s, kind, reason)
      self._changed.notify()

  def close(self) -> None:
    """Expects nothing any more."""
    with self._changed:
      self._closed = True
      self._changed.notify()

  def __enter__(self) -> 'Watchdog':
    return self

  def __exit__(self, *_) -> None:
    self.close()

  def _run(self) -> None:
    late = self._wait()
    if late is not None:
      self._trip(late.kind, late.reason)

  def _wait(self) -> _Deadline | None:
    """Returns the first that is late, or None once nobody waits."""
    with self._changed:
      while not self._closed:
        if not self._expected:
          self._changed.wait()
          continue
        first = min(self._expected.values())
        left_s = first.before_s - time.monotonic()
        if left_s <= 0:
          return first
        self._changed.wait(left_s)
    return None


class Freshness:
  """Tells how long what a robot sees may be used."""

  def __init__(self, max_age_s: float, *, same_clock: bool = True):
    """Begins without an observation.

    Args:
      max_age_s: Age from which an observation is too old, seconds.
      same_clock: Whether the robot's times are of this machine's
        `time.monotonic()`; else only their changes count.
    """
    self._max_age_s = max_age_s
    self._same_clock = same_clock
    self._last_s = float('nan')
    self._changed_s = float('nan')

  def update(self, time_s: float, now_s: float) -> float:
    """Takes the time of a new observation.

    Args:
      time_s: By the robot's clock.
      now_s: By ours.

    Returns:
      When it will be too old, by our clock.

    Raises:
      StaleError: If it is too old now, or its time cannot be.
    """
    if not math.isfinite(time_s):
      raise StaleError(
        f'the observation is of the time {time_s}; give Observed.time_s as a '
        'number of seconds.'
      )
    ahead_s = time_s - now_s
    if self._same_clock and ahead_s > _AHEAD_S:
      raise StaleError(
        f'the observation is of {ahead_s:g} s from now; give '
        'Observed.time_s by time.monotonic(), or set same_clock=False.'
      )
    if time_s != self._last_s:
      self._last_s, self._changed_s = time_s, now_s
    born_s = time_s if self._same_clock else self._changed_s
    if now_s - born_s > self._max_age_s:
      raise StaleError(
        f'the observation is {now_s - born_s:.3f} s old, and may be '
        f'{self._max_age_s:g}; look after the camera.'
      )
    return born_s + self._max_age_s
