"""Many environments as one batch, in a process of their own."""

import atexit
import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tf_agents.environments import (
  batched_py_environment,
  parallel_py_environment,
  py_environment,
)

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

  def get_state(self) -> list:
    return [env.get_state() for env in self.envs]

  def set_state(self, state: Sequence[Any]) -> None:
    """Gives each environment its state; they begin new episodes."""
    if len(state) != len(self.envs):
      raise ValueError(
        f'got the states of {len(state)} environments for {len(self.envs)}; '
        'keep the number of environments.'
      )
    for env, state_of_env in zip(self.envs, state, strict=True):
      env.set_state(state_of_env)
    self._current_time_step = None  # Else the next step would go on.

  def render_one(self, index: int) -> np.ndarray:
    """Returns a picture of one environment, uint8 `[height, width, 3]`."""
    return self.envs[index].render()


class ProcessEnv(py_environment.PyEnvironment):
  """A batched environment in a process of its own.

  Physics then runs beside training: PyBullet holds Python's lock while it
  steps. The process starts from a clean server, not as a fork of one in which
  TensorFlow's threads run, and leaves interrupts to its parent, which still
  needs it to save a state.
  """

  def __init__(self, make_env: Callable[[], VectorEnv]):
    """Starts the process and waits until the environment is built.

    Args:
      make_env: Makes the environment there; pickled by cloudpickle.
    """
    self._process = _CleanProcess(lambda: _without_interrupts(make_env))
    try:
      self._process.start()
      self._specs = (
        self._process.observation_spec(),
        self._process.action_spec(),
        self._process.time_step_spec(),
      )
      self._batch_size = self._process.batch_size
    except BaseException:
      self._process.close()
      raise
    super().__init__()

  @property
  def batched(self) -> bool:
    return True

  @property
  def batch_size(self) -> int:
    return self._batch_size

  def observation_spec(self):
    return self._specs[0]

  def action_spec(self):
    return self._specs[1]

  def time_step_spec(self):
    return self._specs[2]

  def get_state(self) -> list:
    return self._process.call('get_state')()

  def set_state(self, state: Sequence[Any]) -> None:
    self._process.call('set_state', state)()
    self._current_time_step = None

  def render_one(self, index: int) -> np.ndarray:
    """Returns a picture of one environment, uint8 `[height, width, 3]`."""
    return self._process.call('render_one', index)()

  def close(self) -> None:
    self._process.close()

  def _reset(self):
    return self._process.reset()

  def _step(self, action):
    return self._process.step(action)


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
      raise RuntimeError(f'the environment could not be built:\n{ready[1]}')

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
    return self._answer(super()._receive)

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


def _serve(process: _CleanProcess, conn) -> None:
  # A parent that was killed reads no answer.
  with contextlib.suppress(ConnectionError):
    process._worker(conn)


def _without_interrupts(make_env):
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  signal.signal(signal.SIGTERM, signal.SIG_IGN)
  return make_env()
