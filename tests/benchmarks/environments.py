"""Speed of the tasks on one core, beside the environment people use today."""

import contextlib
import functools
import io
import itertools
import time
import warnings
from collections.abc import Iterator
from concurrent import futures

import numpy as np

from awopt_agent import envs
from awopt_agent.envs import experts, vector_env

# A measurement: name, value, unit, and the name of what it is compared with.
Row = tuple[str, float, str, str | None]

_STEPS = 400
_REFERENCE = 'KukaDiverseObjectEnv, 64 px: steps, resets included'
_REFERENCE_STEPS = 24
_TERMINATE = 0.05
_NUM_ENVS = 16


def measure() -> Iterator[Row]:
  """Measures all; CPU seconds of this process, so that load matters less."""
  yield from _reference()
  for task, observation in itertools.product(envs.TASKS, ('state', 'image')):
    yield from _task(task, observation)
  yield from _task('indiscriminate_grasping', 'image', world='real')
  yield from _processes()


def _reference() -> Iterator[Row]:
  with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
    warnings.simplefilter('ignore')
    import gym

    gym.logger.set_level(gym.logger.ERROR)
    from pybullet_envs.bullet import kuka_diverse_object_gym_env

    env = kuka_diverse_object_gym_env.KukaDiverseObjectEnv(
      maxSteps=8, isDiscrete=False, renders=False, width=64, height=64
    )
    env.reset()
  start, done = time.process_time(), False
  for _ in range(_REFERENCE_STEPS):
    if done:
      env.reset()
    _, _, done, _ = env.step(env.action_space.sample())
  rate = _REFERENCE_STEPS / (time.process_time() - start)
  yield _REFERENCE, rate, 'steps/s', None
  yield 'KukaDiverseObjectEnv: physics', 80 * rate, 'steps/s', None
  env.close()


def wall_seconds(run) -> float:
  """Returns the seconds of a call."""
  start = time.perf_counter()
  run()
  return time.perf_counter() - start


def random_action(rng: np.random.Generator, terminate: float = _TERMINATE):
  """Draws an action of a grasping task that seldom ends the episode."""
  return {
    'world_vector': rng.uniform(-1, 1, 3).astype(np.float32),
    'yaw': rng.uniform(-1, 1, 1).astype(np.float32),
    'gripper': rng.integers(2, dtype=np.int32),
    'terminate': np.int32(rng.random() < terminate),
  }


def _task(task: str, observation: str, world: str = 'sim') -> Iterator[Row]:
  name = f'{task}, {observation}' + ('' if world == 'sim' else f', {world}')
  env = envs.make(task, observation=observation, world=world, seed=0)
  physics = _count_seconds(env._simulation, 'step')
  rendering = _count_seconds(env._simulation, 'render')
  rng = np.random.default_rng(0)
  env.reset()
  start = time.process_time()
  physics.update(calls=0, seconds=0.0, substeps=0)
  rendering.update(calls=0, seconds=0.0)
  for _ in range(_STEPS):
    env.step(random_action(rng))
  seconds = time.process_time() - start
  yield (
    f'{name}: steps, resets included',
    _STEPS / seconds,
    'steps/s',
    (_REFERENCE),
  )
  yield (
    f'{name}: physics',
    physics['substeps'] / seconds,
    'steps/s',
    ('KukaDiverseObjectEnv: physics'),
  )
  yield f'{name}: physics', 1e3 * physics['seconds'] / _STEPS, 'ms/step', None
  if rendering['calls']:
    milliseconds = 1e3 * rendering['seconds'] / rendering['calls']
    yield f'{name}: rendering', milliseconds, 'ms/step', None
  yield f'{name}: expert', _expert_rate(env), 'episodes/s', None
  env.close()


def _count_seconds(simulation, method: str) -> dict:
  """Counts the calls of a method, and the seconds that they take."""
  original = getattr(simulation, method)
  count = {'calls': 0, 'seconds': 0.0, 'substeps': 0}

  @functools.wraps(original)
  def timed(argument):
    start = time.process_time()
    result = original(argument)
    count['seconds'] += time.process_time() - start
    count['calls'] += 1
    if isinstance(argument, int):
      count['substeps'] += argument
    return result

  setattr(simulation, method, timed)
  return count


def _expert_rate(env, episodes: int = 20) -> float:
  expert = experts.make_expert(
    env, experts.ExpertConfig(), np.random.default_rng(0)
  )
  start = time.process_time()
  for _ in range(episodes):
    step = env.reset()
    expert.reset()
    while not step.is_last():
      step = env.step(expert.action(step.observation))
  return episodes / (time.process_time() - start)


def _make(first: int, count: int) -> vector_env.VectorEnv:
  return vector_env.VectorEnv(
    [
      envs.make('indiscriminate_grasping', seed=first + index)
      for index in range(count)
    ]
  )


def _processes() -> Iterator[Row]:
  """Wall-clock rate of the same environments in one process and in two."""
  name = f'indiscriminate_grasping, state, {_NUM_ENVS} in'
  rates: dict[int, list[float]] = {1: [], 2: []}
  batches = {
    count: vector_env.ProcessEnv(
      *(
        functools.partial(_make, part * _NUM_ENVS // count, _NUM_ENVS // count)
        for part in range(count)
      )
    )
    for count in rates
  }
  for _ in range(5):  # In turn, so that the machine's load meets both.
    for count, env in batches.items():
      rates[count].append(_batch_rate(env))
  for env in batches.values():
    env.close()
  for count, found in rates.items():
    yield (
      f'{name} {count} processes',
      float(np.median(found)),
      'steps/s',
      (None if count == 1 else f'{name} 1 processes'),
    )


def _batch_rate(env, rounds: int = 60) -> float:
  """Steps each worker by a thread of its own, as practice does."""
  start = time.perf_counter()
  with futures.ThreadPoolExecutor(len(env.workers)) as pool:
    list(pool.map(functools.partial(_step, rounds=rounds), env.workers))
  return rounds * env.batch_size / (time.perf_counter() - start)


def _step(worker, rounds: int) -> None:
  rng = np.random.default_rng(0)
  count = worker.batch_size
  worker.reset()
  for _ in range(rounds):
    moves = rng.uniform(-1, 1, (count, 4)).astype(np.float32)
    worker.step(
      {
        'world_vector': moves[:, :3],
        'yaw': moves[:, 3:],
        'gripper': np.zeros(count, np.int32),
        'terminate': np.zeros(count, np.int32),
      }
    )
