"""A peer's process, seen from ours."""

import contextlib
import os
import select
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

from awopt_agent.trials.peers.worker import wire

__all__ = ['PeerProcess', 'command']

_ANSWER_LIMIT_S = 600.0
_END_LIMIT_S = 10.0
# What a user can mend; all else is a mistake of ours or of d3rlpy's.
_MENDABLE = ('ImportError', 'ModuleNotFoundError', 'TypeError', 'ValueError')


def command(python: str) -> list[str]:
  """Returns what starts a peer by a Python that has d3rlpy.

  Raises:
    FileNotFoundError: If there is no such program.
  """
  path = os.path.expanduser(python)
  if not os.access(path, os.X_OK) or os.path.isdir(path):
    raise FileNotFoundError(
      f'--d3rlpy {python} is no program; name the Python of an environment '
      'with d3rlpy 2.8.1, such as d3rlpy-venv/bin/python.'
    )
  folder = os.path.join(os.path.dirname(__file__), 'worker')
  return [path, os.path.join(folder, 'program.py')]


class PeerProcess:
  """Starts a program that `wire.serve`s, and asks it.

  It ends with us, however we end, since its stdin does.
  """

  def __init__(self, argv: Sequence[str], *, log: str):
    """Starts it.

    Args:
      argv: Program and arguments.
      log: File that takes what it prints.

    Raises:
      OSError: If it cannot be started.
    """
    self._log = log
    self._lock = threading.Lock()
    with open(log, 'wb') as file:
      self._process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=file,
        env=_environment(),
      )

  def ask(self, do: str, **values: Any) -> wire.Message:
    """Asks for something, and waits for the answer; threads take turns.

    Args:
      do: What.
      **values: Arrays, numbers and strings.

    Raises:
      ChildProcessError: If the process has died.
      TimeoutError: If there is no answer for ten minutes.
      ValueError: If it was asked for what it does not take.
      RuntimeError: If it failed in another way.
    """
    with self._lock:
      answer = self._exchange({'do': do, **values})
    if 'error' in answer:
      kind, reason = answer['error'], answer['reason']
      error = ValueError if kind in _MENDABLE else RuntimeError
      raise error(
        f'the peer refused to {do}: {kind}: {reason}; see {self._log}'
      )
    return answer

  def _exchange(self, request: wire.Message) -> wire.Message:
    requests, answers = self._process.stdin, self._process.stdout
    assert requests is not None and answers is not None
    try:
      wire.write(requests, request)
      if not select.select([answers], [], [], _ANSWER_LIMIT_S)[0]:
        raise TimeoutError(
          f'no answer from the peer in {_ANSWER_LIMIT_S:.0f} s; see '
          f'{self._log}.'
        )
      answer = wire.read(answers)
    except BrokenPipeError:
      answer = None
    if answer is None:
      raise self._died()
    return answer

  def _died(self) -> ChildProcessError:
    code = self._wait()  # It has closed a pipe, and cannot be asked again.
    with open(self._log, encoding='utf-8', errors='replace') as file:
      last = (file.read().strip().splitlines() or ['it said nothing'])[-1]
    if 'No module named' in last:
      last += ': --d3rlpy must name the Python of an environment with d3rlpy'
    return ChildProcessError(
      f'the peer has died (exit code {code}; -9 is often a lack of memory): '
      f'{last}; see {self._log}.'
    )

  def close(self) -> None:
    """Ends it."""
    assert self._process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
      self._process.stdin.close()
    self._wait()

  def _wait(self) -> int:
    """Returns the exit code, after a while by force."""
    try:
      return self._process.wait(_END_LIMIT_S)
    except subprocess.TimeoutExpired:
      self._process.kill()
      return self._process.wait()


def _environment() -> dict[str, str]:
  """Returns ours, without what would lead another Python to our libraries."""
  ours = ('PYTHONPATH', 'PYTHONHOME')
  return {name: text for name, text in os.environ.items() if name not in ours}
