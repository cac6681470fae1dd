"""Roles as processes on this machine."""

import os
from collections.abc import Sequence
from typing import Protocol

from awopt_agent.train.launching import role_process

__all__ = ['Handle', 'LocalPlace', 'Place']


class Handle(Protocol):
  """A role that was started.

  Attributes:
    waiting: Whether it has no place to run yet.
  """

  @property
  def waiting(self) -> bool: ...

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

  def log(self, name: str) -> str:
    """Returns the path of what a role printed."""

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
    return role_process.start(arguments, self.log(name))

  def log(self, name: str) -> str:
    """Returns the path of what a role printed."""
    return os.path.join(self._logs, f'{name}.log')

  def last_line(self, name: str) -> str:
    """Returns the last line that a role printed."""
    return role_process.read_last_line(self.log(name))
