import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec

from awopt_agent.learning import networks

SPEC = {
  'image': tensor_spec.BoundedTensorSpec([48, 48, 3], tf.uint8, 0, 255),
  'status': tensor_spec.BoundedTensorSpec([2], tf.float32, 0.0, 1.0),
}


def observations(batch=3, seed=0):
  return tensor_spec.sample_spec_nest(SPEC, seed=seed, outer_dims=(batch,))


def make_critic(**kwargs):
  return networks.SmallCritic(SPEC, 3, **kwargs)


def make_actor(**kwargs):
  return networks.SmallActor(SPEC, 2, (3, 2), **kwargs)


def test_each_action_is_scored_by_itself():
  critic = make_critic()
  features = critic.encode(observations())
  actions = tf.random.stateless_uniform([3, 7, 3], [0, 1], -1, 1)
  scores = critic.score(features, actions)
  assert scores.shape == (3, 7)
  for index in range(7):
    one = critic.score(features, actions[:, index : index + 1])
    np.testing.assert_allclose(scores[:, index : index + 1], one, atol=1e-5)


def test_a_critic_looks_at_picture_status_and_action():
  critic = make_critic()
  seen = observations(batch=1)

  def score(action=0.0, **changes):
    features = critic.encode({**seen, **changes})
    return float(critic.score(features, tf.fill([1, 1, 3], action)))

  assert score() != score(action=0.5)
  assert score() != score(status=seen['status'] + 0.1)
  assert score() != score(image=255 - seen['image'])


def test_a_critic_tells_where_a_thing_is():
  """A bright spot moves the features by where it is, not by its presence."""
  critic = make_critic()

  def features(row, column):
    image = np.zeros((1, 48, 48, 3), np.uint8)
    image[0, row : row + 6, column : column + 6] = 255
    return critic.encode({'image': image, 'status': np.zeros((1, 2), 'f')})

  at_corner = features(0, 0)
  assert np.abs(at_corner - features(0, 40)).max() > 1e-3
  assert np.abs(at_corner - features(40, 0)).max() > 1e-3


def test_an_actor_gives_an_action_vector():
  actor = make_actor()
  distribution = actor.distribution(actor.encode(observations()))
  mode = distribution.mode().numpy()
  assert mode.shape == (3, 7)
  np.testing.assert_array_equal(mode[:, 2:5].sum(-1), 1)
  assert distribution.log_prob(distribution.mode()).shape == (3,)


def test_sizes_of_the_parts():
  # Convolutions of 5 x 5 x 3 x 16 and two of 3 x 3 x 16 x 16, with biases:
  # 1216 + 2 x 2320. Then 32 places and 2 numbers, twice as large by one zoom:
  # 36 x 128 + 128, 3 x 128 + 128, 128 x 128 + 128, 128 + 1.
  count = sum(v.shape.num_elements() for v in make_critic().variables)
  assert count == 1216 + 2 * 2320 + 4736 + 512 + 16512 + 129


@pytest.mark.parametrize('make', [make_critic, make_actor])
def test_weights_are_fixed_by_their_seed(make):
  def kernels(seed):
    return [v.numpy() for v in make(seed=seed).variables if v.shape.rank > 1]

  for one, two, other in zip(kernels(1), kernels(1), kernels(2), strict=True):
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize('make', [make_critic, make_actor])
def test_every_variable_learns(make):
  network = make()
  with tf.GradientTape() as tape:
    features = network.encode(observations())
    if isinstance(network, networks.Critic):
      loss = tf.reduce_sum(network.score(features, tf.ones([3, 1, 3])))
    else:
      action = tf.constant([[0.1, 0.2, 1, 0, 0, 0, 1]] * 3)
      loss = tf.reduce_sum(network.distribution(features).log_prob(action))
  # A softmax does not see what its map has everywhere: the bias before it.
  blind = 'convolution_2/bias'
  for variable, gradient in zip(
    network.trainable_variables,
    tape.gradient(loss, network.trainable_variables),
    strict=True,
  ):
    assert gradient is not None, variable.name
    if blind not in variable.name:
      assert np.any(gradient.numpy() != 0), variable.name


@pytest.mark.parametrize('make', [networks.SmallCritic, networks.SmallActor])
def test_observations_without_an_image_are_refused(make):
  sizes = (3,) if make is networks.SmallCritic else (2, ())
  with pytest.raises(ValueError, match='one uint8 image'):
    make({'status': SPEC['status']}, *sizes)
