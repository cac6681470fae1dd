"""An agent practises in Gymnasium environments, named by gin alone."""

import gin
import numpy as np
import pytest

from awopt_agent.experience import labelling
from awopt_agent.train import builders, config, practice

# A seed decides after how many steps an episode succeeds, whoever acts.
_MODULE = """
import gymnasium
import numpy as np
from gymnasium import spaces


class Patience(gymnasium.Env):
  observation_space = spaces.Dict({
      'needed': spaces.Box(0, 1, (1,), np.float64),
      'arm': spaces.Dict({'place': spaces.Box(-np.inf, np.inf, (2,))}),
  })
  action_space = spaces.Dict({
      'move': spaces.Box(-.1, .1, (2,), np.float64),
      'grip': spaces.Discrete(2, start=3),
  })

  def reset(self, *, seed=None, options=None):
    super().reset(seed=seed)
    self.needed = self.np_random.integers(5, 12)
    self.steps, self.place = 0, np.zeros(2)
    return self.observe(), {}

  def observe(self):
    needed = np.array([self.needed / 12])
    return {'needed': needed, 'arm': {'place': self.place}}

  def step(self, action):
    assert self.action_space.contains(action), action
    self.steps += 1
    self.place = self.place + action['move']
    info = {'metrics': {'is_success': self.steps >= self.needed}}
    return self.observe(), -1.0, False, False, info


gymnasium.register('Patience-v0', Patience, max_episode_steps=8)
"""


@pytest.fixture(autouse=True)
def _clean():
  yield
  gin.clear_config()


def _practise(bindings, *, round_steps, success_threshold):
  """Returns the episodes of a round of practice."""
  layers = ['MlpCritic.layers = (8,)', 'MlpActor.layers = (8,)']
  config.load([], [*layers, *bindings])
  env = builders.make_vector_env(4, seed=0, processes=2)
  episodes = []
  try:
    agent = builders.make_agent(env, seed=0)
    runner = practice.Practice(
      practice.as_py_policy(agent.collect_policy),
      env,
      round_steps=round_steps,
      write=episodes.append,
      episode_ids=labelling.EpisodeIds(),
      success_threshold=success_threshold,
    )
    runner.start_round()()
    runner.close()
  finally:
    env.close()
  return episodes


def test_a_users_own_environment_needs_no_code_of_ours(tmp_path, monkeypatch):
  (tmp_path / 'awopt_patience.py').write_text(_MODULE)
  monkeypatch.syspath_prepend(tmp_path)
  episodes = _practise(
    [
      "make.task = 'awopt_patience:Patience-v0'",
      "GymnasiumEnv.reward = 'success'",
      "GymnasiumEnv.success_key = 'metrics/is_success'",
    ],
    round_steps=200,
    success_threshold=0.5,
  )
  outcomes = set()
  for trajectory, label in episodes:
    needed = round(float(trajectory.observation['needed'][0, 0]) * 12)
    succeeds = needed <= 8  # The limit of steps.
    length = needed if succeeds else 8
    assert trajectory.reward[:-1].tolist() == [0] * (length - 1) + [succeeds]
    assert label.success.tolist() == [succeeds] * (length + 1)
    # It is told to bootstrap at the limit, and only there.
    assert trajectory.discount[length - 1] == (0 if succeeds else 1)
    assert set(trajectory.action['grip'].tolist()) <= {3, 4}
    outcomes.add(succeeds)
  assert outcomes == {True, False}


def test_a_registered_environment_needs_its_id_alone():
  episodes = _practise(
    [
      "make.task = 'Pendulum-v1'",
      "GymnasiumEnv.kwargs = {'max_episode_steps': 10}",
    ],
    round_steps=84,
    success_threshold=-60.0,
  )
  # Four environments make 21 steps each: two episodes of 10.
  assert len(episodes) == 8
  for trajectory, label in episodes:
    assert trajectory.observation.shape == (11, 3)
    assert np.all(trajectory.discount == 1)
    reached = trajectory.reward[:-1].sum() >= -60
    assert label.success.tolist() == [reached] * 11
