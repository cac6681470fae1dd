"""Why a robot was stopped, and the one place that stops it."""

import contextlib
import enum
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from awopt_agent.serving.control import robot as robot_lib
from awopt_agent.serving.control import workers

__all__ = ['Fault', 'Guard', 'Kind']

_ATTEMPTS = 3
# Of one attempt to stop the robot.
_STOP_LIMIT_S = 0.1
# What brings the robot home may not know of the fault.
_HOLD_EVERY_S = 0.05


class Kind(enum.StrEnum):
  """What went wrong."""

  POLICY = 'policy'  # It failed, or its answer is not finite.
  HANG = 'policy hangs'
  OBSERVATION = 'observation'  # It does not fit the policy's spec.
  CAMERA = 'camera'  # What the robot sees is too old.
  CONNECTION = 'connection'  # The robot fails, or does not answer.
  DEADLINE = 'deadline'
  HUMAN = 'human'  # Somebody stopped it, or took over by a bad action.
  SIGNAL = 'signal'
  LOOP = 'loop'  # Whatever else: a detector that fails, a full disk.


class Fault(NamedTuple):
  """Why a robot was stopped.

  Attributes:
    kind: What went wrong.
    reason: One line.
    noticed_s: When, by `time.monotonic()`.
    stopped_s: When `Robot.stop` came back; None if it failed or hung.
  """

  kind: Kind
  reason: str
  noticed_s: float
  stopped_s: float | None = None

  def __str__(self) -> str:
    what = f'{self.kind}: {self.reason.rstrip(".")}'
    if self.stopped_s is None:
      return f'{what}; THE ROBOT DID NOT CONFIRM ITS STOP.'
    after_ms = 1e3 * (self.stopped_s - self.noticed_s)
    return f'{what}; the robot stood {after_ms:.0f} ms later.'


class Guard:
  """Stops the robot at the first fault; safe to use from any thread."""

  def __init__(self, robot: robot_lib.Robot, *, report: Callable[[str], None]):
    """Begins without a fault.

    Args:
      robot: What is stopped.
      report: Receives one line for the fault.
    """
    self._robot = robot
    self._report = report
    self._lock = threading.Lock()
    self._fault: Fault | None = None
    self._tripped = threading.Event()
    self._settled = threading.Event()

  @property
  def fault(self) -> Fault | None:
    """The first fault."""
    return self._fault

  @property
  def tripped(self) -> bool:
    """Whether there was a fault."""
    return self._tripped.is_set()

  def trip(self, kind: Kind, reason: str) -> None:
    """Stops the robot, unless a fault did so before.

    Args:
      kind: What went wrong.
      reason: One line.
    """
    noticed_s = time.monotonic()
    with self._lock:
      if self._fault is not None:
        return
      self._fault = Fault(kind, reason, noticed_s)
      self._tripped.set()
    problem = self.stop()
    if problem is None:
      self._fault = self._fault._replace(stopped_s=time.monotonic())
    line = str(self._fault)
    self._settled.set()
    self._report(line if problem is None else f'{line} {problem}')

  def stop(self) -> str | None:
    """Stops the robot, fault or not.

    Returns:
      None, or why it did not confirm.
    """
    problem = None
    for _ in range(_ATTEMPTS):
      worker = workers.Worker('stop')
      try:
        worker.call(self._robot.stop, limit_s=_STOP_LIMIT_S)
        return None
      except BaseException as error:  # Whatever it is, try again.
        problem = f'Robot.stop: {type(error).__name__}: {error}'
      finally:
        worker.close()
    return problem

  @contextlib.contextmanager
  def holding(self) -> Iterator[None]:
    """Keeps the robot standing from a fault on, whatever the body does."""
    left = threading.Event()

    def hold() -> None:
      while not left.wait(_HOLD_EVERY_S):
        if self.tripped:
          self.stop()

    holder = threading.Thread(target=hold, name='hold', daemon=True)
    holder.start()
    try:
      yield
    finally:
      left.set()

  def act(self, action: Any) -> None:
    """Passes an action on, unless there was a fault.

    One that comes back behind a fault may have set the robot going again: it
    is stopped once more.
    """
    if self.tripped:
      return
    try:
      self._robot.act(action)
    finally:
      if self.tripped:
        self.stop()

  def wait(self, until_s: float) -> bool:
    """Sleeps until a moment of `time.monotonic()`, or a fault.

    Returns:
      Whether there was a fault.
    """
    return self._tripped.wait(max(0.0, until_s - time.monotonic()))

  def settle(self) -> Fault | None:
    """Returns the fault, if there was one, once the robot was stopped."""
    if self.tripped:
      self._settled.wait(2 * _ATTEMPTS * _STOP_LIMIT_S)
    return self._fault
