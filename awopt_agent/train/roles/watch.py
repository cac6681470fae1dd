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
  ):
    """Begins.

    Args:
      connection: To the replay server.
      table: That the steps read.
      limit_s: Seconds without a server, or without an item, that are borne.
      stop_requested: Asked all the time.
    """
    self._connection = connection
    self._table = table
    self._limit_s = limit_s
    self._stop_requested = stop_requested

  def run(self, function: Callable[[], T], *, what: str) -> T:
    """Calls a function.

    Args:
      function: That may hang.
      what: What it waits for then, such as 'for a batch'.

    Returns:
      What the function returns.

    Raises:
      TimeoutError: If it hung for too long, or still did when a stop was asked
        for; its thread is left behind.
      Stopped: If a stop was asked for; the function had come to its end.
    """
    outcome: futures.Future[T] = futures.Future()

    def call() -> None:
      try:
        outcome.set_result(function())
      except BaseException as error:
        outcome.set_exception(error)

    threading.Thread(target=call, name=what, daemon=True).start()
    began = time.monotonic()
    while not outcome.done():
      futures.wait([outcome], _LOOK_EVERY_S)
      if self._stop_requested():
        self._end(outcome, what)
      if time.monotonic() - began > self._limit_s:
        raise self._connection.timeout(what, self._table, self._limit_s)
    return outcome.result()

  def _end(self, outcome: futures.Future, what: str) -> None:
    futures.wait([outcome], _LAST_CHANCE_S)
    if not outcome.done():
      raise self._connection.timeout(what, self._table, _LAST_CHANCE_S)
    outcome.result()
    raise stopping.Stopped
