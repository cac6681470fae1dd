"""Networks of a user, who knows the README alone."""

import pathlib
import re
import sys

import gin
import numpy as np
import pytest
import tensorflow as tf

from awopt_agent import agent as agent_lib
from awopt_agent.learning import networks
from awopt_agent.train import config, train_config
from tests import fakes

README = pathlib.Path(__file__).parents[2] / 'README.md'


@pytest.fixture(autouse=True)
def _clean():
  yield
  gin.clear_config()
  sys.modules.pop('my_networks', None)


def _example():
  blocks = re.findall(r'```python\n(.*?)```', README.read_text(), re.DOTALL)
  (code,) = (block for block in blocks if 'class MyCritic' in block)
  return code


def _train(agent):
  learners = agent.critic_learner, agent.actor_learner
  before = [fakes.values_of(learner.learned) for learner in learners]
  agent.train(fakes.random_experience())
  for learner, old in zip(learners, before, strict=True):
    for one, two in zip(fakes.values_of(learner.learned), old, strict=True):
      assert not np.array_equal(one, two)


def test_the_example_is_short():
  assert len(_example().splitlines()) <= 30


def test_gin_finds_the_critic_of_the_example(tmp_path, monkeypatch):
  (tmp_path / 'my_networks.py').write_text(_example())
  monkeypatch.syspath_prepend(str(tmp_path))
  config.load(
    ['base/state.gin', 'variant/awopt.gin'],
    [
      'import my_networks',
      'AwOptAgent.critic_network = @MyCritic',
      'AwOptAgent.n_step = 1',
      'MyCritic.width = 8',
    ],
  )
  agent = agent_lib.AwOptAgent(fakes.TIME_STEP_SPEC, fakes.ACTION_SPEC)
  learner = agent.critic_learner
  assert type(learner.critic.members[0]).__name__ == 'MyCritic'
  assert train_config.TrainConfig  # Its import makes it known to gin.
  # One observation, and a move and two states of the grip.
  shapes = sorted(tuple(v.shape) for v in learner.learned)
  assert shapes == [(1,), (4, 8), (8,), (8, 1)]
  assert len({id(v) for v in learner.variables}) == len(learner.variables)
  _train(agent)
  # A run that goes on later, and awopt-evaluate, find it again.
  assert config.operative().startswith('import my_networks\n')


class _Keras(networks.Critic):
  """A critic of Keras layers that are built when they are first called.

  No shape tells one from another.
  """

  def __init__(self, observation_spec, action_size, *, seed=0, name):
    super().__init__(name=name)
    del observation_spec, action_size
    self._layers = tf.keras.Sequential(
      [tf.keras.layers.Dense(4, 'tanh') for _ in range(6)]
    )

  def encode(self, observation):
    return observation['x']

  def score(self, features, actions):
    each = tf.repeat(features[:, tf.newaxis], tf.shape(actions)[1], axis=1)
    joined = tf.concat([each, actions], axis=-1)
    return tf.reduce_sum(self._layers(joined), axis=-1)


def test_targets_of_keras_layers_begin_as_copies():
  learner = fakes.make_agent(critic_network=_Keras).critic_learner
  actions = tf.random.stateless_normal([2, 5, 3], [0, 1])
  observation = {'x': tf.constant([[0.5], [-1.0]])}
  scores = [
    critic.score(critic.encode(observation), actions)
    for critic in (learner.critic, learner.target, learner.lagged)
  ]
  assert np.ptp(scores[0]) > 0.1
  fakes.assert_equal(scores, [scores[0]] * 3)


class _OneLayer(networks.Actor):
  """An actor that a user might write."""

  def __init__(self, observation_spec, continuous, discrete, *, seed=0):
    super().__init__(name='one_layer')
    del observation_spec
    self._kernel = tf.Variable(tf.ones([1, 4]))
    self._head = networks.ActorHead(4, continuous, discrete, seed=seed)

  def encode(self, observation):
    return tf.nn.relu(observation['x'] @ self._kernel)

  def distribution(self, features):
    return self._head(features)


def test_an_actor_of_two_methods_is_enough():
  agent = fakes.make_agent(actor_network=_OneLayer)
  _train(agent)
  action = agent.policies['actor'].action(fakes.time_steps([0.1, 0.2])).action
  assert action['move'].shape == (2, 1)
