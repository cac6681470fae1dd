"""Calls that may hang, made where they hold up nobody else."""

import queue
import threading
from collections.abc import Callable
from typing import Any

__all__ = ['HungError', 'Worker']


class HungError(TimeoutError):
  """A call did not come back in time."""


class Worker:
  """A thread that makes one call after the other.

  After a `HungError` it is lost: the call may come back at any time.
  """

  def __init__(self, name: str):
    """Starts the thread.

    Args:
      name: Of the thread.
    """
    self._calls: queue.SimpleQueue = queue.SimpleQueue()
    self._answers: queue.SimpleQueue = queue.SimpleQueue()
    # A daemon: a call that hangs must not keep the program alive.
    threading.Thread(target=self._run, name=name, daemon=True).start()

  def call(
    self, function: Callable[..., Any], *args: Any, limit_s: float
  ) -> Any:
    """Calls a function; returns or raises what it does.

    Args:
      function: What to call.
      *args: Its arguments.
      limit_s: How long to wait for it, seconds.

    Raises:
      HungError: If it does not come back in time.
    """
    self._calls.put((function, args))
    try:
      value, error = self._answers.get(timeout=limit_s)
    except queue.Empty:
      raise HungError(f'no answer within {limit_s:g} s') from None
    if error is not None:
      raise error
    return value

  def close(self) -> None:
    """Ends the thread, once it has come back."""
    self._calls.put(None)

  def _run(self) -> None:
    while (call := self._calls.get()) is not None:
      function, args = call
      answer: tuple[Any, BaseException | None]
      try:
        answer = function(*args), None
      except BaseException as error:  # Whatever it is, the caller's to judge.
        answer = None, error
      self._answers.put(answer)
