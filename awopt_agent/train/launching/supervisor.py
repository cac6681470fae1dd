"""Keeps the roles of a run alive, and stops them in order."""

import dataclasses
import signal
import time
from collections.abc import Callable, Sequence

from awopt_agent.train.launching import local
from awopt_agent.train.launching import plan as plan_lib

__all__ = ['Supervisor', 'Watched']

_QUICK_S = 60.0
_LONGEST_PAUSE_S = 10.0
_LOOK_EVERY_S = 0.2
_BAD_USAGE = 2
# What a role exits with that somebody else stopped.
_STOPPED = 128 + signal.SIGTERM
# Those by which a process ends itself.
_CRASHES = (
  signal.SIGABRT,
  signal.SIGBUS,
  signal.SIGFPE,
  signal.SIGILL,
  signal.SIGSEGV,
)


@dataclasses.dataclass
class Watched:
  """A role, and how it fares.

  Attributes:
    role: From the plan.
    handle: Of its process; None while it is not started.
    started_at: Of the monotonic clock, seconds.
    restarts: How often it was started again.
    failures: Quick ones in a row.
    idle_failures: In a row, without any progress between them.
    progress: When it last fell.
    due_at: When it may be started again.
    done: Whether it came to its end.
  """

  role: plan_lib.Role
  handle: local.Handle | None = None
  started_at: float = 0.0
  restarts: int = 0
  failures: int = 0
  idle_failures: int = 0
  progress: object = None
  due_at: float = 0.0
  done: bool = False

  @property
  def state(self) -> str:
    """One word."""
    if self.done:
      return 'done'
    if self.handle is None:
      return 'down'
    return 'waiting' if self.handle.waiting else 'up'


class Supervisor:
  """Starts roles, starts them again when they fall, and ends the run.

  Attributes:
    watched: The roles, in the order of the plan.
  """

  def __init__(
    self,
    plan: Sequence[plan_lib.Role],
    place: local.Place,
    *,
    restart_limit: int,
    progress: Callable[[str], object] = lambda name: None,
    say: Callable[[str], None] = print,
  ):
    """Starts nothing yet.

    Args:
      plan: The roles.
      place: Where they run.
      restart_limit: Failures in a row that end the run, if they are quick or
        without any progress between them.
      progress: Given a role's name, returns what changes as it gets on, such as
        its newest checkpoint; None where that cannot be told.
      say: Prints a line.
    """
    self.watched = [Watched(role) for role in plan]
    self._place = place
    self._restart_limit = restart_limit
    self._progress = progress
    self._say = say

  def run(
    self,
    stop_requested: Callable[[], bool],
    each_turn: Callable[[], None] = lambda: None,
  ) -> bool:
    """Runs to the end of the roles that have one, or until a stop.

    Args:
      stop_requested: Asked all the time.
      each_turn: Called all the time.

    Returns:
      Whether the run came to its end.

    Raises:
      ValueError: If a role fails again and again; the others are stopped, and
        what they saved stays.
    """
    try:
      while not stop_requested():
        for watched in self.watched:
          self._look_after(watched)
        deciding = [w.done for w in self.watched if w.role.decides]
        if deciding and all(deciding):
          return True
        each_turn()
        time.sleep(_LOOK_EVERY_S)
      return False
    finally:
      self.stop()

  def _look_after(self, watched: Watched) -> None:
    now = time.monotonic()
    if watched.done:
      return
    if watched.handle is None:
      if now >= watched.due_at:
        watched.handle = self._place.start(
          watched.role.name, watched.role.arguments
        )
        watched.started_at = now
      return
    code = watched.handle.poll()
    if code is None:
      if watched.handle.waiting:
        watched.started_at = now
      return
    watched.handle = None
    if code == 0 and watched.role.kind != 'replay':
      watched.done = True  # The learner told it that there is no more to do.
      return
    if code == _STOPPED:
      code = -signal.SIGTERM
    self._note_fall(watched, code, now)

  def _note_fall(self, watched: Watched, code: int, now: float) -> None:
    name = watched.role.name
    last = self._place.last_line(name)
    # A kill tells nothing of the role; an error of its own does.
    own = code > 0 or -code in _CRASHES
    quick = own and now - watched.started_at < _QUICK_S
    watched.failures = watched.failures + 1 if quick else 0
    if own:
      self._note_progress(watched)
    failures = max(watched.failures, watched.idle_failures)
    if code == _BAD_USAGE or failures >= self._restart_limit:
      raise ValueError(
        f'{name} failed {max(failures, 1)} times, the last time by: {last}'
      )
    watched.restarts += 1
    watched.due_at = now + min(float(watched.failures), _LONGEST_PAUSE_S)
    how = f'was killed by signal {-code}' if code < 0 else f'ended: {last}'
    self._say(f'{name} {how}; it is started again')

  def _note_progress(self, watched: Watched) -> None:
    """Counts the failures since a role last got on."""
    progress = self._progress(watched.role.name)
    if progress is None:
      return
    idle = progress == watched.progress
    watched.idle_failures = watched.idle_failures + 1 if idle else 1
    watched.progress = progress

  def stop(self) -> None:
    """Asks all to save and stop, in order; ends who does not."""
    for order in sorted({w.role.stop_order for w in self.watched}):
      group = [w for w in self.watched if w.role.stop_order == order]
      for watched in group:
        if watched.handle is not None:
          watched.handle.terminate()
      for watched in group:
        self._wait(watched)

  def _wait(self, watched: Watched) -> None:
    handle = watched.handle
    if handle is None:
      return
    end = time.monotonic() + watched.role.stop_limit_s
    while handle.poll() is None:
      if time.monotonic() > end:
        self._say(
          f'{watched.role.name} did not stop in '
          f'{watched.role.stop_limit_s:.0f} s and is killed; its last '
          'checkpoint is kept'
        )
        handle.kill()
        break
      time.sleep(_LOOK_EVERY_S)
    watched.handle = None
