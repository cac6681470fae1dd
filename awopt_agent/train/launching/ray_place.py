"""Roles as actors of Ray, on whichever nodes of its cluster have room."""

import math
import os
import re
import secrets
import signal
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import Any, NamedTuple

from awopt_agent import files
from awopt_agent.train.launching import role_process
from awopt_agent.train.roles import config as roles_config

__all__ = ['PLANNED_HOST', 'RayPlace']

# Of the replay role, in a plan: where it is turns out when it has its place.
PLANNED_HOST = 'ray'
_REPLAY, _LEARNER = 'replay', 'learner'
_SHARED = 'launch.shared'
_FAILED = 1
# Seconds that a learner waits for a place while others have theirs.
_PATIENCE_S = 30.0
# What Ray makes of it when only one side has a token.
_REFUSED = 'all references to the actor were removed'
_SPARE = ('collector', 'bellman_updater')
# One lasts as long as the role; a stop, and the next role's place, come beside.
_CALLS_AT_ONCE = 4


class _Seat(NamedTuple):
  """An actor, which outlives its role: the next start needs no new place."""

  actor: Any
  located: futures.Future


class RayPlace:
  """Starts roles where Ray has room, and looks for room again if a node dies.

  All nodes, and this process, must see the same folder of the run.
  """

  def __init__(
    self,
    ray: Any,
    folder: str,
    config: roles_config.RayConfig,
    *,
    port: int | None = None,
    say: Callable[[str], None] = print,
  ):
    """Makes the folder of logs.

    Args:
      ray: The module, connected to a cluster.
      folder: Of the run.
      config: What roles ask for.
      port: Of the replay server; None for one that is free where it is.
      say: Prints a line.
    """
    self.ray = ray
    self._folder = folder
    self._config = config
    self._port = port
    self._say = say
    self._logs = os.path.join(folder, 'logs')
    os.makedirs(self._logs, exist_ok=True)
    self._shared = self._share()
    ray.cloudpickle.register_pickle_by_value(role_process)
    self._actor = ray.remote(role_process.RoleProcess)
    self._seats: dict[str, _Seat] = {}
    self._handles: dict[str, _RayHandle] = {}
    self._last_lines: dict[str, str] = {}
    self._replay_address: str | None = None
    self._has_learnt = False
    self._has_warned = False

  def _share(self) -> tuple[str, str]:
    path, text = os.path.join(self._folder, _SHARED), secrets.token_hex(8)
    with open(path, 'w', encoding='utf-8') as file:
      file.write(text)
    return path, text

  def log(self, name: str) -> str:
    """Returns the path of what a role printed."""
    return os.path.join(self._logs, f'{name}.log')

  def last_line(self, name: str) -> str:
    """Returns the last line that a role printed."""
    return self._last_lines.get(name) or role_process.read_last_line(
      self.log(name)
    )

  def start(self, name: str, arguments: Sequence[str]) -> '_RayHandle':
    """Asks Ray for a place, without waiting for it.

    Args:
      name: Of the process.
      arguments: Of `awopt-role`, with `PLANNED_HOST` in the replay's address.
    """
    self._handles[name] = _RayHandle(self, name, arguments)
    return self._handles[name]

  def take_seat(self, name: str, kind: str) -> _Seat | None:
    """Returns the actor of a role, old or new; None if it is too early."""
    if kind != _REPLAY and self._replay_address is None:
      return None
    # Without the two, all others would only hold their places.
    if kind not in (_REPLAY, _LEARNER) and not self._has_learnt:
      return None
    if name not in self._seats:
      actor = self._actor.options(
        num_cpus=self._config.cpus(kind),
        num_gpus=self._gpus(kind),
        max_concurrency=_CALLS_AT_ONCE,
      ).remote()
      self._seats[name] = _Seat(actor, actor.locate.remote().future())
    return self._seats[name]

  def _gpus(self, kind: str) -> float:
    if kind != _LEARNER:
      return 0
    if self._config.learner_gpus is not None:
      return self._config.learner_gpus
    return min(1.0, self.ray.cluster_resources().get('GPU', 0.0))

  def run(
    self, name: str, seat: _Seat, arguments: Sequence[str]
  ) -> futures.Future:
    """Runs a role on an actor that has its place.

    Returns:
      What will hold exit code and last line.
    """
    host, port, has_token = seat.located.result()
    if not has_token:
      self._warn()
    if name == _REPLAY:
      host = f'[{host}]' if ':' in host else host
      self._replay_address = f'{host}:{self._port or port}'
    assert self._replay_address is not None
    self._has_learnt |= name == _LEARNER
    self._last_lines.pop(name, None)
    return seat.actor.run.remote(
      _addressed(arguments, self._replay_address),
      log=self.log(name),
      shared=self._shared,
      cwd=os.getcwd(),
      python_path=os.environ.get('PYTHONPATH', ''),
    ).future()

  def _warn(self) -> None:
    if not self._has_warned:
      self._say(
        'this Ray cluster asks no one for a token: whoever reaches its ports '
        'can run programs as you; start it with RAY_AUTH_MODE=token '
        '(docs/deploy/security.md)'
      )
    self._has_warned = True

  def note_end(self, name: str, code: int, line: str) -> None:
    """Keeps a role's last line; lets its place go if it came to its end."""
    self._last_lines[name] = line
    if code == 0 and name != _REPLAY:
      self.free(name)

  def note_loss(self, name: str, code: int, reason: str) -> None:
    """Keeps what Ray says of a role that is lost."""
    self.note_end(name, code, f'Ray says: {reason}')
    if code < 0:
      self._say(f'{name} is lost: {reason}')

  def free(self, name: str) -> None:
    """Lets a role's place go, and ends the role, if it still runs."""
    seat = self._seats.pop(name, None)
    if seat is not None:
      self.ray.kill(seat.actor)
    if name == _REPLAY:
      self._replay_address, self._has_learnt = None, False
      # They look for it where it was, and hold places that it may need.
      for other, handle in self._handles.items():
        if other != _REPLAY:
          handle.give_up_place()

  def room_for(self, kind: str) -> int:
    """Returns how many roles may have to give up their place for one."""
    return math.ceil(self._config.cpus(kind)) if kind == _LEARNER else 0

  def make_room(self) -> None:
    """Ends the youngest of the roles that a run can do without for a while."""
    for name, handle in reversed(self._handles.items()):
      if handle.kind in _SPARE and handle.is_running:
        self._say(f'{name} makes room for the learner')
        handle.kill()
        return


class _RayHandle:
  """A role that waits for its place, runs, or has ended.

  Attributes:
    kind: Of the role.
  """

  def __init__(self, place: RayPlace, name: str, arguments: Sequence[str]):
    self.kind = arguments[0]
    self._place, self._name, self._arguments = place, name, arguments
    self._seat: _Seat | None = None
    self._running: futures.Future | None = None
    self._code: int | None = None
    self._room_due = time.monotonic() + _PATIENCE_S
    self._room_left = place.room_for(self.kind)

  @property
  def waiting(self) -> bool:
    """Whether it has no place to run yet."""
    return self._running is None

  @property
  def is_running(self) -> bool:
    """Whether it has its place, and has not come to its end."""
    return self._running is not None and self._code is None

  def poll(self) -> int | None:
    """Returns its exit code, -9 if its node is gone; None before the end."""
    if self._code is None:
      try:
        self._go_on()
      except self._place.ray.exceptions.RayError as error:
        self._note_loss(error)
    return self._code

  def _go_on(self) -> None:
    if self._seat is None:
      self._seat = self._place.take_seat(self._name, self.kind)
    elif self._running is None:
      if self._seat.located.done():
        self._running = self._place.run(self._name, self._seat, self._arguments)
      else:
        self._ask_for_room()
    elif self._running.done():
      code, line = self._running.result()
      self._place.note_end(self._name, code, line)
      self._code = code

  def _ask_for_room(self) -> None:
    if self._room_left and time.monotonic() > self._room_due:
      self._room_left -= 1
      self._room_due = time.monotonic() + _PATIENCE_S
      self._place.make_room()

  def _note_loss(self, error: Exception) -> None:
    """Takes the loss of a running role for a kill, any other for a failure."""
    lost = isinstance(error, self._place.ray.exceptions.RayActorError)
    code = -signal.SIGKILL if lost and self.is_running else _FAILED
    self._place.free(self._name)
    self._place.note_loss(self._name, code, _reason(error))
    self._code = code

  def terminate(self) -> None:
    """Asks it to save and stop; one that waits does so no longer."""
    if self.is_running and self._seat is not None:
      self._seat.actor.terminate.remote()
    else:
      self.kill()

  def kill(self) -> None:
    """Ends it at once."""
    self._place.free(self._name)
    self._code = -signal.SIGKILL

  def give_up_place(self) -> None:
    """Ends it, if it runs, and else has it wait for another place."""
    if self.is_running:
      self.kill()
    elif self._code is None:
      self._place.free(self._name)
      self._seat = None


def _reason(error: Exception) -> str:
  """Returns the short part of what Ray says at length."""
  if _REFUSED in str(error):
    return (
      'the cluster could not reach awopt-launch with its token; start all of '
      'its nodes with RAY_AUTH_MODE=token'
    )
  found = re.search(r'is dead because (.+?)(\.|$)', str(error), re.MULTILINE)
  return found[1] if found else files.first_line(error)


def _addressed(arguments: Sequence[str], address: str) -> list[str]:
  """Puts the replay's address in the place of the planned one."""
  values = {'--replay_address': address, '--port': address.rpartition(':')[2]}
  found = list(arguments)
  for at, flag in enumerate(arguments[:-1]):
    if flag in values:
      found[at + 1] = values[flag]
  return found
