"""Roles as processes on this machine."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Protocol

__all__ = ['Handle', 'LocalPlace', 'Place', 'read_last_line']

_PR_SET_PDEATHSIG = 1
_MODULE = 'awopt_agent.train.role'
_TAIL_BYTES = 4000


class Handle(Protocol):
  """A role that was started."""

  def poll(self) -> int | None:
    """Returns its exit code, -9 if it was killed so; None while it runs."""

  def terminate(self) -> None:
    """Asks it to save and stop."""

  def kill(self) -> None:
    """Ends it at once."""


class Place(Protocol):
  """Where roles run."""

  def start(self, name: str, arguments: Sequence[str]) -> Handle:
    """Starts a role.

    Args:
      name: Of the process.
      arguments: Of `awopt-role`.
    """

  def last_line(self, name: str) -> str:
    """Returns the last line that a role printed."""


class LocalPlace:
  """Starts processes, and keeps what they print."""

  def __init__(self, logs: str):
    """Makes the folder of logs."""
    self._logs = logs
    os.makedirs(logs, exist_ok=True)

  def start(self, name: str, arguments: Sequence[str]) -> Handle:
    """Starts a role; it ends with this process, however that ends."""
    with open(self.log(name), 'ab') as log:
      return subprocess.Popen(
        [sys.executable, '-u', '-m', _MODULE, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        # A Ctrl-C in the terminal is for the launcher, which stops in order.
        start_new_session=True,
        preexec_fn=_end_with_parent(),
      )

  def log(self, name: str) -> str:
    """Returns the path of what a role printed."""
    return os.path.join(self._logs, f'{name}.log')

  def last_line(self, name: str) -> str:
    """Returns the last line that a role printed."""
    return read_last_line(self.log(name))


def read_last_line(path: str) -> str:
  """Returns the last line of a file that is not empty, or nothing."""
  if not os.path.exists(path):
    return ''
  with open(path, 'rb') as file:
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - _TAIL_BYTES))
    lines = file.read().decode(errors='replace').split('\n')
  return next((line for line in reversed(lines) if line.strip()), '')


def _end_with_parent() -> Callable[[], None]:
  libc = ctypes.CDLL(None)  # Not in the child, where imports may deadlock.

  def ask() -> None:
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

  return ask
