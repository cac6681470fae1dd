import numpy as np
import tensorflow as tf

from awopt_agent.learning import action_codec, cem, search
from tests import fakes

SEED = tf.constant([1, 2])


def test_finds_the_best_action_at_each_observation():
  result = search.best_action(
    {'x': tf.constant([[1.0], [-0.5]])},
    fakes.ProductCritic(),
    action_codec.ActionCodec(fakes.ACTION_SPEC),
    config=fakes.CORNER_CEM,
    seed=SEED,
  )
  # At 1 the best move is 1, at -.5 it is -1; a closed grip adds .5.
  np.testing.assert_array_equal(result.action, [[1, 0, 1], [-1, 0, 1]])
  np.testing.assert_allclose(result.score, [1.5, 1.0])


def test_the_first_mean_is_where_a_search_begins():
  """With a search that hardly moves, what is found lies at the first mean."""
  still = cem.CemConfig(samples=4, elites=1, rounds=1, initial_std=1e-3)
  result = search.best_action(
    {'x': tf.constant([[1.0], [1.0]])},
    fakes.LinearCritic(slope=1.0),
    action_codec.ActionCodec(fakes.MOVE_ONLY),
    config=still,
    seed=SEED,
    first_mean=tf.constant([[0.5], [-0.25]]),
  )
  np.testing.assert_allclose(result.action, [[0.5], [-0.25]], atol=0.01)


class _Curious(fakes.LinearCritic):
  """Notes the types that it is given."""

  def __init__(self):
    super().__init__(slope=1.0)
    self.types = []

  def score(self, features, actions):
    self.types.append((features.dtype.name, actions.dtype.name))
    return tf.cast(self.slope, actions.dtype) * actions[..., 0]


def test_scores_of_half_the_bits_find_what_is_valued_in_full():
  critic = _Curious()
  config = cem.CemConfig(samples=64, elites=4, rounds=3, dtype='bfloat16')
  result = search.best_action(
    {'x': tf.zeros([2, 1])},
    critic,
    action_codec.ActionCodec(fakes.MOVE_ONLY),
    config=config,
    seed=SEED,
    candidate=tf.constant([[0.3], [1.0]]),
  )
  *searched, valued = critic.types
  assert set(searched) == {('bfloat16', 'bfloat16')}
  assert valued == ('float32', 'float32')
  assert result.action.dtype == result.score.dtype == tf.float32
  np.testing.assert_array_equal(result.score, result.action[:, 0])
  assert np.all(result.score > 0.9)
