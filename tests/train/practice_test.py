import threading
import time

import numpy as np
import pytest

from awopt_agent.envs import vector_env
from awopt_agent.experience import labelling
from awopt_agent.train import practice
from tests.envs import fakes as env_fakes
from tests.train import fakes


class _Workers:
  """Batches of environments in this process, as a `ProcessEnv` has them."""

  def __init__(self, *batches):
    self.workers = tuple(vector_env.VectorEnv(batch) for batch in batches)


def _start(env, write, *, round_steps=24):
  return practice.Practice(
    practice.as_py_policy(fakes.make_agent().collect_policy),
    env,
    round_steps=round_steps,
    write=write,
    episode_ids=labelling.EpisodeIds(7),
    success_threshold=0.5,
  )


def _run(env, write, rounds=1, **kwargs):
  running = _start(env, write, **kwargs)
  try:
    for _ in range(rounds):
      running.start_round()()
  finally:
    running.close()


class _CountingEnv(env_fakes.EvenEnv):
  steps = 0

  def _step(self, action):
    self.steps += 1
    return super()._step(action)


def test_each_worker_takes_its_share_of_a_round():
  batches = [[_CountingEnv(), _CountingEnv()], [_CountingEnv()]]
  _run(_Workers(*batches), lambda _: None, round_steps=24)
  # Two of three environments are in the first; 16 and 8 steps, and a step
  # that begins an episode is none.
  assert [sum(env.steps for env in batch) for batch in batches] == [16, 8]


def test_episodes_of_all_workers_arrive_whole_and_with_ids_of_their_own():
  written = []
  batches = [[env_fakes.EvenEnv(0)], [env_fakes.EvenEnv(1)]]
  _run(_Workers(*batches), written.append, rounds=3)
  ids = [int(experience.label.episode_id[0]) for experience in written]
  assert sorted(ids) == list(range(7, 7 + len(written)))
  for experience in written:
    numbers = np.round(experience.trajectory.observation['x'][:, 0] * 100)
    assert len(set(numbers)) == 1
    assert experience.label.length[0] == 2 + numbers[0] % 3
  # In 36 steps: 12 episodes of 2, 3, 4, 2, ... steps for either worker, and
  # the end of the last is seen in the round that follows.
  assert len(written) == 2 * 11


class _WaitingEnv(env_fakes.EvenEnv):
  def __init__(self, released):
    super().__init__()
    self._released = released

  def _step(self, action):
    if not self._released.wait(30):
      raise TimeoutError('the other worker waits for this one')
    return super()._step(action)


class _ReleasingEnv(_CountingEnv):
  def __init__(self, released, after):
    super().__init__()
    self._released = released
    self._after = after

  def _step(self, action):
    result = super()._step(action)
    if self.steps == self._after:
      self._released.set()
    return result


def test_no_worker_waits_for_the_steps_of_another():
  released = threading.Event()
  _run(
    _Workers([_WaitingEnv(released)], [_ReleasingEnv(released, after=12)]),
    lambda _: None,
    round_steps=24,
  )
  assert released.is_set()


def test_episodes_are_written_one_at_a_time():
  inside, most = [], []

  def write(experience):
    inside.append(experience)
    most.append(len(inside))
    time.sleep(0.001)
    inside.pop()

  _run(_Workers(*([env_fakes.EvenEnv(n)] for n in range(4))), write)
  assert set(most) == {1}


class _FailingEnv(env_fakes.EvenEnv):
  def _step(self, action):
    raise ChildProcessError('the environment process has died')


def test_a_worker_that_fails_ends_the_round_of_all():
  other = _CountingEnv()
  with pytest.raises(ChildProcessError, match='has died'):
    _run(_Workers([_FailingEnv()], [other]), lambda _: None, round_steps=24)
  assert other.steps == 12


def test_after_a_reset_episodes_under_way_are_lost():
  written = []
  running = _start(
    _Workers([env_fakes.EvenEnv()]), written.append, round_steps=1
  )
  running.start_round()()  # One step of an episode of two.
  running.reset()
  for _ in range(4):  # The end is seen one round later.
    running.start_round()()
  running.close()
  (experience,) = written
  assert experience.label.length[0] == 3  # The second episode.
