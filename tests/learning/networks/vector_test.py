import numpy as np
import tensorflow as tf

from awopt_agent.learning.networks import vector


class _Eye:
  """Sees an observation as it is."""

  size = 5

  def __call__(self, observation):
    return observation


def make_critic(layers=(16, 16)):
  return vector.VectorCritic(_Eye(), 3, layers=layers, seed=0, name='critic')


def make_actor(layers=(16, 16)):
  return vector.VectorActor(
    _Eye(), 2, (3, 2), layers=layers, seed=0, name='actor'
  )


def observations(batch):
  return tf.random.stateless_normal([batch, _Eye.size], [2, 3])


def test_each_action_is_scored_by_itself():
  critic = make_critic()
  features = critic.encode(observations(5))
  actions = tf.random.stateless_uniform([5, 7, 3], [0, 1], -1, 1)
  scores = critic.score(features, actions)
  assert features.shape == (5, 16)
  assert scores.shape == (5, 7)
  for index in range(7):
    one = critic.score(features, actions[:, index : index + 1])
    np.testing.assert_allclose(scores[:, index : index + 1], one, atol=1e-5)


def test_the_first_layer_equals_one_on_both_inputs_joined():
  critic = make_critic(layers=(4,))
  observation = observations(2)
  actions = tf.random.stateless_uniform([2, 1, 3], [0, 1], -1, 1)
  kernel = tf.concat(
    [critic._observation_layer.kernel, critic._action_layer.kernel], axis=0
  )
  joined = tf.concat([observation, actions[:, 0]], axis=-1) @ kernel
  expected = critic._output(tf.nn.relu(joined))[:, 0]
  score = critic.score(critic.encode(observation), actions)[:, 0]
  np.testing.assert_allclose(score, expected, atol=1e-5)


def test_no_two_layers_begin_alike():
  for network in (make_critic((5, 5, 5)), make_actor((5, 5, 5))):
    square = [v for v in network.variables if v.shape == (5, 5)]
    assert len(square) >= 3
    for index, one in enumerate(square):
      for two in square[:index]:
        assert not np.array_equal(one, two)


def test_an_actor_gives_an_action_vector():
  actor = make_actor()
  distribution = actor.distribution(actor.encode(observations(5)))
  mode = distribution.mode().numpy()
  assert mode.shape == (5, 7)
  np.testing.assert_array_equal(mode[:, 2:5].sum(-1), 1)
  np.testing.assert_array_equal(mode[:, 5:].sum(-1), 1)
