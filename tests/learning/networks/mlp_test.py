import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec

from awopt_agent.learning import networks

# A workspace of unequal bounds, and a clock without any.
SPEC = {
  'place': tensor_spec.BoundedTensorSpec([2], tf.float32, [0, -4], [1, 4]),
  'clock': tf.TensorSpec([], tf.float32),
}


def observations(batch=5, seed=0):
  return tensor_spec.sample_spec_nest(
    {**SPEC, 'clock': tensor_spec.BoundedTensorSpec([], tf.float32, 0.0, 3.0)},
    seed=seed,
    outer_dims=(batch,),
  )


def make_critic(**kwargs):
  return networks.MlpCritic(SPEC, 3, **{'layers': (16, 16), **kwargs})


def make_actor(**kwargs):
  return networks.MlpActor(SPEC, 2, (3, 2), **{'layers': (16, 16), **kwargs})


def test_integer_observations_are_refused():
  spec = {'image': tensor_spec.BoundedTensorSpec([4, 4, 3], tf.uint8, 0, 255)}
  with pytest.raises(ValueError, match='float observations'):
    networks.MlpCritic(spec, 3)
  with pytest.raises(ValueError, match='float observations'):
    networks.MlpActor(spec, 1, ())


def test_another_structure_of_observations_is_refused():
  with pytest.raises((ValueError, TypeError), match='structure'):
    make_critic().encode({'place': tf.zeros([1, 2])})


def test_a_critic_looks_at_observation_and_action():
  critic = make_critic()

  def score(seed, action):
    return critic.score(
      critic.encode(observations(batch=1, seed=seed)), tf.constant([[action]])
    ).numpy()

  assert score(0, [0.0] * 3) != score(1, [0.0] * 3)
  assert score(0, [0.0] * 3) != score(0, [0.0, 0.0, 1.0])


def test_variables_exist_once_it_is_built():
  # Critic: 2 first layers, 1 hidden, 1 output; a kernel and a bias each.
  assert len(make_critic().trainable_variables) == 8
  assert len(make_actor().trainable_variables) == 6


@pytest.mark.parametrize('make', [make_critic, make_actor])
def test_weights_are_fixed_by_their_seed(make):
  def values(seed):
    return [v.numpy() for v in make(seed=seed).variables]

  for one, two in zip(values(1), values(1), strict=True):
    np.testing.assert_array_equal(one, two)

  def kernels(seed):
    return [v for v in values(seed) if v.ndim == 2]

  for one, two in zip(kernels(1), kernels(2), strict=True):
    assert not np.array_equal(one, two)


def test_an_actor_gives_an_action_vector():
  actor = make_actor()
  distribution = actor.distribution(actor.encode(observations(batch=5)))
  mode = distribution.mode().numpy()
  assert mode.shape == (5, 7)
  assert np.all(np.abs(mode[:, :2]) <= 1)
  np.testing.assert_array_equal(mode[:, 2:5].sum(-1), 1)
  np.testing.assert_array_equal(mode[:, 5:].sum(-1), 1)
  assert distribution.log_prob(distribution.mode()).shape == (5,)
