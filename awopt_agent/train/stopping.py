"""SIGTERM, Ctrl-C and a closed terminal as a request to save and stop."""

import os
import signal
from collections.abc import Callable

__all__ = ['Stopped', 'catch_stop_signals', 'raiser', 'was_asked']

# Signals that came; of the process, as their handlers are.
_asked: list[int] = []


class Stopped(Exception):  # noqa: N818  No error.
  """The run was asked to stop; its state is saved."""


def catch_stop_signals() -> Callable[[], bool]:
  """Turns SIGTERM, Ctrl-C and SIGHUP into a request.

  A second signal lets a third Ctrl-C interrupt at once, as usual. SIGHUP is
  ignored where it was, as below nohup.

  Returns:
    A function that tells whether a stop was asked for.
  """
  _asked.clear()
  terminals = [stream for stream in (1, 2) if os.isatty(stream)]

  def ask(number, frame):
    if number == signal.SIGHUP:
      _silence(terminals)
    if _asked:
      signal.signal(signal.SIGINT, signal.default_int_handler)
    _asked.append(number)

  signal.signal(signal.SIGTERM, ask)
  signal.signal(signal.SIGINT, ask)
  if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
    signal.signal(signal.SIGHUP, ask)
  return was_asked


def _silence(streams: list[int]) -> None:
  """Lets nothing that is printed to a terminal that is gone be an error."""
  nowhere = os.open(os.devnull, os.O_WRONLY)
  for stream in streams:
    os.dup2(nowhere, stream)
  os.close(nowhere)


def was_asked() -> bool:
  """Tells whether a stop was asked for since `catch_stop_signals`."""
  return bool(_asked)


def raiser(stop_requested: Callable[[], bool]) -> Callable[[], None]:
  """Returns a function that raises `Stopped` once a stop was asked for."""

  def check() -> None:
    if stop_requested():
      raise Stopped

  return check
