import numpy as np
import tensorflow as tf

from awopt_agent.learning import action_distribution


def mixed():
  """Two rows of a 1-d Gaussian and a group of two, 3 : 1 in row 0."""
  return action_distribution.ActionDistribution(
    tf.constant([[0.0], [0.5]]),
    tf.constant([[1.0], [0.5]]),
    [tf.math.log([[3.0, 1.0], [1.0, 1.0]])],
  )


def test_log_likelihoods_of_the_parts_add_up():
  log_prob = mixed().log_prob(tf.constant([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
  # Gaussian: -z^2/2 - ln(std) - ln(2 pi)/2, where ln(2 pi)/2 = .918939.
  # Row 0: -.5 - 0 - .918939 + ln(.75) = -1.706621.
  # Row 1: z = -1: -.5 + .693147 - .918939 + ln(.5) = -1.418939.
  np.testing.assert_allclose(log_prob, [-1.706621, -1.418939], rtol=1e-5)


def test_the_mode_is_clipped_and_one_hot():
  distribution = action_distribution.ActionDistribution(
    tf.constant([[1.5, -3.0, 0.2]]),
    tf.ones([1, 3]),
    [tf.constant([[0.0, 2.0, 1.0]])],
  )
  np.testing.assert_allclose(distribution.mode(), [[1.0, -1.0, 0.2, 0, 1, 0]])


def test_samples_follow_the_distribution():
  samples = mixed().sample(20_000, tf.constant([1, 2])).numpy()
  assert samples.shape == (2, 20_000, 3)
  assert np.all(np.abs(samples[..., 0]) <= 1)
  # Clipped symmetrically, row 0 keeps its mean. Bounds of 5 standard errors:
  # 5 / sqrt(20000) = .035 for the mean; 5 sqrt(.25 * .75 / 20000) = .0153.
  assert abs(samples[0, :, 0].mean()) < 0.035
  np.testing.assert_allclose(
    samples[0, :, 1:].mean(0), [0.75, 0.25], atol=0.0153
  )
  np.testing.assert_allclose(samples[1, :, 1:].mean(0), [0.5, 0.5], atol=0.018)
  # Row 1 is beyond 1 with chance 1 - Phi((1 - .5) / .5) = .1587.
  np.testing.assert_allclose((samples[1, :, 0] == 1).mean(), 0.1587, atol=0.013)


def test_samples_are_fixed_by_their_seed():
  one, two, three = (
    mixed().sample(4, tf.constant(seed)).numpy()
    for seed in ([1, 2], [1, 2], [1, 3])
  )
  np.testing.assert_array_equal(one, two)
  assert not np.array_equal(one, three)


def test_parts_use_different_random_numbers():
  distribution = action_distribution.ActionDistribution(
    tf.zeros([1, 0]), tf.zeros([1, 0]), [tf.zeros([1, 2]), tf.zeros([1, 2])]
  )
  samples = distribution.sample(400, tf.constant([0, 0])).numpy()
  # Independent switches agree in half of the draws; 5 standard errors are .125.
  agreement = (samples[0, :, 0] == samples[0, :, 2]).mean()
  assert abs(agreement - 0.5) < 0.125


def test_continuous_parts_alone():
  distribution = action_distribution.ActionDistribution(
    tf.zeros([3, 2]), tf.ones([3, 2]), []
  )
  # -2 * .918939.
  np.testing.assert_allclose(
    distribution.log_prob(tf.zeros([3, 2])), [-1.837877] * 3, rtol=1e-5
  )
  assert distribution.mode().shape == (3, 2)


def test_discrete_parts_alone():
  distribution = action_distribution.ActionDistribution(
    tf.zeros([2, 0]), tf.zeros([2, 0]), [tf.math.log([[1.0, 4.0]] * 2)]
  )
  log_prob = distribution.log_prob(tf.constant([[0.0, 1.0], [1.0, 0.0]]))
  np.testing.assert_allclose(log_prob, np.log([0.8, 0.2]), rtol=1e-5)
  np.testing.assert_array_equal(distribution.mode(), [[0, 1], [0, 1]])
  assert distribution.sample(5, tf.constant([0, 0])).shape == (2, 5, 2)
