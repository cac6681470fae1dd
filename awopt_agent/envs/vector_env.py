"""Many environments as one batch, in processes of their own."""

import atexit
import contextlib
import functools
import multiprocessing
import signal
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tf_agents.environments import (
  batched_py_environment,
  parallel_py_environment,
  py_environment,
)
from tf_agents.trajectories import time_step as ts

__all__ = ['ProcessEnv', 'VectorEnv']

# A step takes milliseconds, and building the simulation seconds.
_ANSWER_LIMIT_S = 600.0
_END_LIMIT_S = 5.0


class VectorEnv(batched_py_environment.BatchedPyEnvironment):
  """A batch of environments that step one after the other.

  Each starts its next episode when its own has ended.
  """

  def __init__(self, envs: Sequence[py_environment.PyEnvironment]):
    super().__init__(envs, multithreading=False)

  @property
  def workers(self) -> tuple['VectorEnv', ...]:
    """Itself: all its environments are in this process."""
    return (self,)

  def get_state(self) -> list:
    return [env.get_state() for env in self.envs]

  def set_state(self, state: Sequence[Any]) -> None:
    """Gives each environment its state; they begin new episodes."""
    _check_count(state, len(self.envs))
    for env, state_of_env in zip(self.envs, state, strict=True):
      env.set_state(state_of_env)
    self._current_time_step = None  # Else the next step would go on.

  def render_one(self, index: int) -> np.ndarray:
    """Returns a picture of one environment, uint8 `[height, width, 3]`."""
    return self.envs[index].render()


class _Processes(py_environment.PyEnvironment):
  """The batches of some processes as one batch."""

  def __init__(self, processes: 'Sequence[_CleanProcess]'):
    self._processes = tuple(processes)
    first = self._processes[0]
    self._specs = (
      first.observation_spec(),
      first.action_spec(),
      first.time_step_spec(),
    )
    # Where the batch of each process ends, and the next begins.
    self._ends = np.cumsum([process.batch_size for process in processes])
    super().__init__()

  @property
  def batched(self) -> bool:
    return True

  @property
  def batch_size(self) -> int:
    return int(self._ends[-1])

  def observation_spec(self):
    return self._specs[0]

  def action_spec(self):
    return self._specs[1]

  def time_step_spec(self):
    return self._specs[2]

  def get_state(self) -> list:
    asked = [process.call('get_state') for process in self._processes]
    return [state for answer in asked for state in answer()]

  def set_state(self, state: Sequence[Any]) -> None:
    """Gives each environment its state; they begin new episodes."""
    _check_count(state, self.batch_size)
    starts = (0, *self._ends)
    asked = [
      process.call('set_state', state[start:end])
      for process, start, end in zip(
        self._processes, starts, self._ends, strict=False
      )
    ]
    for answer in asked:
      answer()
    self._current_time_step = None

  def render_one(self, index: int) -> np.ndarray:
    """Returns a picture of one environment, uint8 `[height, width, 3]`."""
    place = int(np.searchsorted(self._ends, index, side='right'))
    inside = index - (self._ends[place - 1] if place else 0)
    return self._processes[place].call('render_one', int(inside))()

  def close(self) -> None:
    for process in self._processes:
      process.close()

  def _reset(self):
    return self._join([p.reset(blocking=False) for p in self._processes])

  def _step(self, action):
    parts = [
      tf.nest.pack_sequence_as(action, arrays)
      for arrays in zip(
        *(
          np.split(array, self._ends[:-1]) for array in tf.nest.flatten(action)
        ),
        strict=True,
      )
    ]
    return self._join(
      [
        process.step(part, blocking=False)
        for process, part in zip(self._processes, parts, strict=True)
      ]
    )

  def _join(self, asked: list[Callable[[], ts.TimeStep]]) -> ts.TimeStep:
    """Waits for the time steps of all processes; returns them as one batch."""
    steps = [answer() for answer in asked]
    if len(steps) == 1:
      return steps[0]
    return tf.nest.map_structure(lambda *arrays: np.concatenate(arrays), *steps)


class ProcessEnv(_Processes):
  """Batches of environments, each in a process of its own, as one batch.

  Physics then runs beside training: PyBullet holds Python's lock while it
  steps. A process starts from a clean server, not as a fork of one in which
  TensorFlow's threads run, and leaves interrupts to its parent, which still
  needs it to save a state.

  Stepped as one batch, the processes wait for the slowest of them at each
  step. Who needs no common step steps `workers` instead.
  """

  def __init__(self, *make_envs: Callable[[], VectorEnv]):
    """Starts the processes and waits until the environments are built.

    Args:
      *make_envs: For each process, makes its environment there; pickled by
        cloudpickle.
    """
    processes = [
      _CleanProcess(functools.partial(_without_interrupts, make_env))
      for make_env in make_envs
    ]
    try:
      for process in processes:
        process.start(wait_to_start=False)
      for process in processes:
        process.wait_start()
      super().__init__(processes)
    except BaseException:
      for process in processes:
        process.close()
      raise
    self._workers = tuple(_Processes([process]) for process in processes)

  @property
  def workers(self) -> tuple[py_environment.PyEnvironment, ...]:
    """The batch of each process, to be stepped by a thread of its own."""
    return self._workers


def _check_count(states: Sequence[Any], count: int) -> None:
  if len(states) != count:
    raise ValueError(
      f'got the states of {len(states)} environments for {count}; '
      'keep the number of environments.'
    )


class _CleanProcess(parallel_py_environment.ProcessPyEnvironment):
  """TF-Agents' environment process, started by the fork server.

  The original forks the parent, whose TensorFlow threads hold locks, and
  waits for an answer without end.
  """

  def start(self, wait_to_start: bool = True) -> None:
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['awopt_agent.quiet', 'awopt_agent.envs'])
    self._conn, conn = context.Pipe()
    self._process = context.Process(
      target=_serve, args=(self, conn), daemon=True
    )
    # Python waits at its end for each child that nobody closed.
    atexit.register(self.close)
    self._process.start()
    conn.close()  # Else the pipe stays open when the process has died.
    if wait_to_start:
      self.wait_start()

  def wait_start(self) -> None:
    ready = self._answer(self._conn.recv)
    if ready != self._READY:
      raise _as_raised(ready[1])

  def call(self, name, *args, **kwargs):
    try:
      return super().call(name, *args, **kwargs)
    except ConnectionError as error:
      raise self._died() from error

  def close(self) -> None:
    atexit.unregister(self.close)
    if not hasattr(self, '_process'):
      return
    super().close()
    if self._process.is_alive():
      self._process.kill()
      self._process.join(_END_LIMIT_S)

  def _receive(self):
    try:
      return self._answer(super()._receive)
    except (TimeoutError, ChildProcessError):
      raise
    except Exception as error:  # It holds the traceback of the process.
      raise _as_raised(str(error)) from None

  def _answer(self, receive: Callable[[], Any]) -> Any:
    try:
      if not self._conn.poll(_ANSWER_LIMIT_S):
        raise TimeoutError(
          f'no answer from the environment process in {_ANSWER_LIMIT_S:.0f} s;'
          ' start again: the run goes on from its last checkpoint.'
        )
      return receive()
    except (EOFError, ConnectionError) as error:
      raise self._died() from error

  def _died(self) -> ChildProcessError:
    self._process.join(_END_LIMIT_S)
    return ChildProcessError(
      f'the environment process has died (exit code {self._process.exitcode};'
      ' -9 is often a lack of memory); start again: the run goes on from its '
      'last checkpoint.'
    )

  def __getstate__(self):
    return {
      '_pickled_env_constructor': self._pickled_env_constructor,
      '_flatten': self._flatten,
    }

  def __setstate__(self, state):
    self.__dict__.update(state)


def _as_raised(traceback: str) -> Exception:
  """Turns the traceback of another process into its error."""
  kind, _, text = traceback.strip().splitlines()[-1].partition(': ')
  if kind == 'ValueError':
    return ValueError(text)
  return RuntimeError(f'the environment process failed: {kind}: {text}')


def _serve(process: _CleanProcess, conn) -> None:
  # A parent that was killed reads no answer.
  with contextlib.suppress(ConnectionError):
    process._worker(conn)


def _without_interrupts(make_env):
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  signal.signal(signal.SIGTERM, signal.SIG_IGN)
  return make_env()
