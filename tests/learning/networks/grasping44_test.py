import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import array_spec, tensor_spec

from awopt_agent.learning import networks


def spec(pixels):
  return {
    'image': tensor_spec.BoundedTensorSpec(
      [pixels, pixels, 3], tf.uint8, 0, 255
    ),
    'status': tensor_spec.BoundedTensorSpec([2], tf.float32, 0.0, 1.0),
  }


def observations(pixels, batch=2, seed=0):
  return tf.nest.map_structure(
    tf.constant,
    array_spec.sample_spec_nest(
      tensor_spec.to_nest_array_spec(spec(pixels)),
      np.random.RandomState(seed),
      outer_dims=(batch,),
    ),
  )


def test_layers_have_the_shapes_of_qt_opt():
  critic = networks.Grasping44Critic(spec(472), 8)
  features = critic.encode(observations(472, batch=1))
  # 472 / 2 = 236; pooled by 3 to 79, and by 3 to 27.
  assert features.maps.shape == (1, 27, 27, 64)
  assert features.state.shape == (1, 256)
  assert critic.score(features, tf.zeros([1, 2, 8])).shape == (1, 2)
  shapes = [tuple(v.shape) for v in critic.variables if 'kernel' in v.name]
  expected = {
    (6, 6, 3, 64): 1,
    (5, 5, 64, 64): 6,
    (3, 3, 64, 64): 9,
    (8, 256): 1,
    (2, 256): 1,
    (256, 64): 1,
    # 27 pooled by 2 is 14; three windows of 3 leave 8.
    (8 * 8 * 64, 64): 1,
    (64, 64): 1,
    (64, 1): 1,
  }
  assert {shape: shapes.count(shape) for shape in shapes} == expected


def test_it_has_about_1_2_million_parameters():
  critic = networks.Grasping44Critic(spec(472), 8)
  count = sum(v.shape.num_elements() for v in critic.trainable_variables)
  # Kernels: 6912 + 6 x 102400 + 9 x 36864 + 10 x 256 + 16384 + 262144 + 4096
  # + 64 = 1238336; biases: 19 layers of 64, 2 of 256, 1 of 1.
  assert count == 1238336 + 19 * 64 + 2 * 256 + 1


def test_each_action_is_scored_by_itself():
  critic = networks.Grasping44Critic(spec(217), 3)
  features = critic.encode(observations(217))
  actions = tf.random.stateless_uniform([2, 3, 3], [0, 1], -1, 1)
  scores = critic.score(features, actions)
  assert scores.shape == (2, 3)
  assert np.all(np.ptp(scores, axis=1) > 1e-4)
  for index in range(3):
    one = critic.score(features, actions[:, index : index + 1])
    np.testing.assert_allclose(scores[:, index : index + 1], one, atol=1e-5)


@pytest.mark.parametrize('kind', ['critic', 'actor'])
def test_every_variable_learns(kind):
  observation = observations(217)
  with tf.GradientTape() as tape:
    if kind == 'critic':
      network = networks.Grasping44Critic(spec(217), 3)
      features = network.encode(observation)
      loss = tf.reduce_sum(network.score(features, tf.ones([2, 1, 3])))
    else:
      network = networks.Grasping44Actor(spec(217), 2, (3, 2))
      distribution = network.distribution(network.encode(observation))
      action = tf.constant([[0.1, 0.2, 1, 0, 0, 0, 1]] * 2)
      loss = tf.reduce_sum(distribution.log_prob(action))
  variables = network.trainable_variables
  for variable, gradient in zip(
    variables, tape.gradient(loss, variables), strict=True
  ):
    assert np.any(gradient.numpy() != 0), variable.name


def test_an_image_alone_is_enough():
  critic = networks.Grasping44Critic({'image': spec(217)['image']}, 3)
  features = critic.encode({'image': tf.zeros([2, 217, 217, 3], tf.uint8)})
  assert critic.score(features, tf.zeros([2, 4, 3])).shape == (2, 4)


@pytest.mark.parametrize(
  'make',
  [
    lambda: networks.Grasping44Critic(spec(216), 3),
    lambda: networks.Grasping44Actor(spec(216), 2, ()),
  ],
)
def test_images_too_small_for_it_are_named(make):
  with pytest.raises(ValueError, match='217 px or more, got 216 x 216'):
    make()
