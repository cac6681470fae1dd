"""Calls that may hang in native code, deaf to signals, from a thread apart."""

import threading
import time
from collections.abc import Callable
from concurrent import futures
from typing import TypeVar

from awopt_agent.experience.wire import connection as connection_lib
from awopt_agent.train import stopping

__all__ = ['Watch']

T = TypeVar('T')

_LOOK_EVERY_S = 0.05
_LAST_CHANCE_S = 20.0
_STILL_S = 5.0


class Watch:
  """Runs steps that read from a replay server, which may go away.

  Reverb's samplers wait for ever, and go on by themselves when the server is
  back. So the wait is watched from outside.
  """

  def __init__(
    self,
    connection: connection_lib.Connection,
    *,
    table: str,
    limit_s: float,
    stop_requested: Callable[[], bool],
    progress: Callable[[], int] = lambda: 0,
    when_still: Callable[[], None] = lambda: None,
  ):
    """Begins.

    Args:
      connection: To the replay server.
      table: That the steps read.
      limit_s: Seconds without a server, or without an item, that are borne.
      stop_requested: Asked all the time.
      progress: A number that changes with each step, however slow they are.
      when_still: Called every few seconds while it does not.
    """
    self._connection = connection
    self._table = table
    self._limit_s = limit_s
    self._stop_requested = stop_requested
    self._progress = progress
    self._when_still = when_still

  def run(self, function: Callable[[], T], *, what: str) -> T:
    """Calls a function.

    Args:
      function: That may hang.
      what: What it waits for then, such as 'for a batch'.

    Returns:
      What the function returns.

    Raises:
      TimeoutError: If it hung for too long; its thread is left behind.
      Stopped: If a stop was asked for, and the function had come to its end or
        made no step for long.
    """
    outcome: futures.Future[T] = futures.Future()

    def call() -> None:
      try:
        outcome.set_result(function())
      except BaseException as error:
        outcome.set_exception(error)

    threading.Thread(target=call, name=what, daemon=True).start()
    still = _Still(self._progress)
    told_at = asked_at = 0.0
    while not outcome.done():
      futures.wait([outcome], _LOOK_EVERY_S)
      for_s = still.seconds()
      if self._stop_requested():
        asked_at = asked_at or time.monotonic()
        # Who waits for data holds nothing back that could be saved.
        if min(for_s, time.monotonic() - asked_at) > _LAST_CHANCE_S:
          raise stopping.Stopped
      elif for_s > self._limit_s:
        raise self._connection.timeout(what, self._table, self._limit_s)
      elif for_s > _STILL_S and time.monotonic() - told_at > _STILL_S:
        self._when_still()
        told_at = time.monotonic()
    if self._stop_requested():
      outcome.result()
      raise stopping.Stopped
    return outcome.result()


class _Still:
  """For how long a number has not changed."""

  def __init__(self, read: Callable[[], int]):
    self._read = read
    self._last, self._since = read(), time.monotonic()

  def seconds(self) -> float:
    now = self._read()
    if now != self._last:
      self._last, self._since = now, time.monotonic()
    return time.monotonic() - self._since
