"""A role's program as a process of the machine that this runs on.

Only the standard library: Ray gets this module by value, so that no node loads
TensorFlow for a process that waits, and one that lacks this package says so in
the role's last line.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence

__all__ = ['Process', 'RoleProcess', 'read_last_line', 'start']

_MODULE = 'awopt_agent.train.role'
_PR_SET_PDEATHSIG = 1
_TAIL_BYTES = 4000
# A shared file system may show a new file late.
_SHARED_LIMIT_S = 15.0
_LOOK_EVERY_S = 0.5
_FAILED, _BAD_USAGE = 1, 2


class Process(subprocess.Popen):
  """A role that has its place, since it is here."""

  waiting = False


def start(
  arguments: Sequence[str],
  log: str,
  *,
  module: str | None = None,
  core: int | None = None,
  death_signal: signal.Signals = signal.SIGTERM,
  cwd: str | None = None,
  env: Mapping[str, str] | None = None,
) -> Process:
  """Starts a role, or another program.

  Args:
    arguments: Of `awopt-role`, or of the other one.
    log: File to which what it prints is added.
    module: The program; None for `awopt-role`.
    core: The one on which it may run; None for those of this process.
    death_signal: What it gets when the thread that starts it ends, however
      that ends.
    cwd: Folder to start it in; None for that of this process.
    env: Its environment; None for that of this process.
  """
  with open(log, 'ab') as file:
    return Process(
      [sys.executable, '-u', '-m', module or _MODULE, *arguments],
      stdin=subprocess.DEVNULL,
      stdout=file,
      stderr=subprocess.STDOUT,
      cwd=cwd,
      env=env,
      # A Ctrl-C in the terminal is for who starts it, and stops in order.
      start_new_session=True,
      preexec_fn=_settle(death_signal, core),
    )


def _settle(
  death_signal: signal.Signals, core: int | None
) -> Callable[[], None]:
  """Returns what a new process does first."""
  libc = ctypes.CDLL(None)  # Not in the child, where imports may deadlock.

  def settle() -> None:
    libc.prctl(_PR_SET_PDEATHSIG, death_signal)
    if core is not None:
      os.sched_setaffinity(0, {core})

  return settle


def read_last_line(path: str) -> str:
  """Returns the last line of a file that is not empty, or nothing."""
  if not os.path.exists(path):
    return ''
  with open(path, 'rb') as file:
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - _TAIL_BYTES))
    lines = file.read().decode(errors='replace').split('\n')
  return next((line for line in reversed(lines) if line.strip()), '')


class RoleProcess:
  """Runs a role where it is, for an owner elsewhere; an actor of Ray.

  Its methods are called from several threads: `run` lasts as long as the role.
  """

  def __init__(self):
    self._guard = threading.Lock()
    self._process: Process | None = None
    self._stopped = False

  def locate(self) -> tuple[str, int, bool]:
    """Returns what others must know of this place.

    Returns:
      The address of the node, a port that is free on it, and whether its Ray
      wants a token.
    """
    import ray

    with socket.socket() as probe:
      probe.bind(('', 0))
      port = probe.getsockname()[1]
    has_token = os.environ.get('RAY_AUTH_MODE', '').lower() == 'token'
    return ray.util.get_node_ip_address(), port, has_token

  def run(
    self,
    arguments: Sequence[str],
    *,
    log: str,
    shared: tuple[str, str],
    cwd: str,
    python_path: str,
  ) -> tuple[int, str]:
    """Runs a role to its end.

    Args:
      arguments: Of `awopt-role`.
      log: File to which what it prints is added.
      shared: A file in the folder of the run, and what it holds.
      cwd: Folder to start it in, if there is such a folder here.
      python_path: Folders to search for modules before those of this node.

    Returns:
      Its exit code, negative for a signal, and its last line.
    """
    folder = os.path.dirname(shared[0])
    if not _holds(*shared):
      return _BAD_USAGE, (
        f'--root_dir {folder} on the node {socket.gethostname()} is not the '
        "folder of awopt-launch; mount one shared folder there on all of Ray's "
        'nodes.'
      )
    cwd = cwd if os.path.isdir(cwd) else folder
    try:
      with self._guard:
        if self._stopped:
          return -signal.SIGTERM, ''
        # If the actor is gone, Ray takes the role for dead, and so it must be.
        self._process = start(
          arguments,
          log,
          death_signal=signal.SIGKILL,
          cwd=cwd,
          env=_environment(python_path),
        )
      return self._process.wait(), read_last_line(log)
    except OSError as error:
      return _FAILED, f'the node {socket.gethostname()} says: {error}'

  def terminate(self) -> None:
    """Asks the role to save and stop; none is run after that."""
    with self._guard:
      self._stopped = True
      if self._process is not None:
        self._process.terminate()


def _holds(path: str, text: str) -> bool:
  end = time.monotonic() + _SHARED_LIMIT_S
  while True:
    try:
      with open(path, encoding='utf-8') as file:
        if file.read() == text:
          return True
    except OSError:
      pass
    if time.monotonic() > end:
      return False
    time.sleep(_LOOK_EVERY_S)


def _environment(python_path: str) -> dict[str, str]:
  # A role knows nothing of Ray, least of all its token.
  env = {k: v for k, v in os.environ.items() if not k.startswith('RAY_')}
  paths = [python_path, env.get('PYTHONPATH', '')]
  return {**env, 'PYTHONPATH': os.pathsep.join(p for p in paths if p)}
