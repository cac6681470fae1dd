import math

import numpy as np
import tensorflow as tf

from awopt_agent.learning import action_distribution


def gaussian(mean, std):
  return action_distribution.Gaussian(tf.constant(mean), tf.constant(std))


def nothing(rows):
  """A distribution over no entry."""
  return action_distribution.Gaussian(tf.zeros([rows, 0]), tf.ones([rows, 0]))


def mixed():
  """Two rows of a 1-d Gaussian and a group of two, 3 : 1 in row 0."""
  return action_distribution.ActionDistribution(
    gaussian([[0.0], [0.5]], [[1.0], [0.5]]),
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
    gaussian([[1.5, -3.0, 0.2]], [[1.0, 1.0, 1.0]]),
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
    nothing(1), [tf.zeros([1, 2]), tf.zeros([1, 2])]
  )
  samples = distribution.sample(400, tf.constant([0, 0])).numpy()
  # Independent switches agree in half of the draws; 5 standard errors are .125.
  agreement = (samples[0, :, 0] == samples[0, :, 2]).mean()
  assert abs(agreement - 0.5) < 0.125


def test_continuous_parts_alone():
  distribution = action_distribution.ActionDistribution(
    gaussian([[0.0, 0.0]] * 3, [[1.0, 1.0]] * 3), []
  )
  # -2 * .918939.
  np.testing.assert_allclose(
    distribution.log_prob(tf.zeros([3, 2])), [-1.837877] * 3, rtol=1e-5
  )
  assert distribution.mode().shape == (3, 2)


def test_discrete_parts_alone():
  distribution = action_distribution.ActionDistribution(
    nothing(2), [tf.math.log([[1.0, 4.0]] * 2)]
  )
  log_prob = distribution.log_prob(tf.constant([[0.0, 1.0], [1.0, 0.0]]))
  np.testing.assert_allclose(log_prob, np.log([0.8, 0.2]), rtol=1e-5)
  np.testing.assert_array_equal(distribution.mode(), [[0, 1], [0, 1]])
  assert distribution.sample(5, tf.constant([0, 0])).shape == (2, 5, 2)


def test_a_squashed_gaussian_has_the_likelihood_of_its_tanh():
  distribution = action_distribution.TanhGaussian(
    tf.constant([[0.0], [0.5]]), tf.constant([[1.0], [2.0]])
  )
  # At x = tanh(1): raw 1, and a slope of 1 - tanh(1)^2 = .419974.
  # Row 0: -.5 - .918939 - ln(.419974) = -.551377.
  # Row 1: z = .25: -.03125 - ln(2) - .918939 - ln(.419974) = -.775773.
  log_prob = distribution.log_prob(tf.fill([2, 1], math.tanh(1.0)))
  np.testing.assert_allclose(log_prob, [-0.551377, -0.775773], rtol=1e-4)


def test_a_squashed_gaussian_is_a_density():
  distribution = action_distribution.TanhGaussian(
    tf.fill([1, 1], 0.3), tf.fill([1, 1], 0.7)
  )
  places = np.linspace(-0.9999, 0.9999, 20_001).astype(np.float32)
  density = np.exp([distribution.log_prob(places[:, np.newaxis])])[0]
  np.testing.assert_allclose(np.trapz(density, places), 1.0, atol=1e-3)


def test_logged_actions_on_the_bounds_have_a_finite_likelihood():
  distribution = action_distribution.TanhGaussian(
    tf.zeros([1, 2]), tf.ones([1, 2])
  )
  assert np.isfinite(distribution.log_prob(tf.constant([[1.0, -1.0]])))


def test_a_squashed_gaussian_stays_inside_the_bounds():
  distribution = action_distribution.TanhGaussian(
    tf.fill([1, 1], 0.5), tf.fill([1, 1], 3.0)
  )
  draws = distribution.sample(1000, tf.constant([0, 1])).numpy()
  assert np.all(np.abs(draws) <= 1)
  # tanh keeps the order: half of the draws lie above tanh(.5) = .462117, to
  # five standard errors of sqrt(.25 / 1000).
  assert abs((draws > 0.462117).mean() - 0.5) < 0.08
  np.testing.assert_allclose(distribution.mode(), [[0.462117]], rtol=1e-5)


def two_peaks():
  """A quarter at -.5, three quarters at .5, each with deviation .1."""
  return action_distribution.GaussianMixture(
    tf.math.log([[1.0, 3.0]]),
    tf.constant([[[-0.5], [0.5]]]),
    tf.fill([1, 2, 1], 0.1),
  )


def test_a_mixture_weighs_its_parts():
  # A Gaussian's peak: 1 / (.1 sqrt(2 pi)) = 3.98942; the other is 10 away.
  for place, density in ((-0.5, 0.25 * 3.98942), (0.5, 0.75 * 3.98942)):
    log_prob = two_peaks().log_prob(tf.constant([[place]]))
    np.testing.assert_allclose(np.exp(log_prob), [density], rtol=1e-4)


def test_the_mode_of_a_mixture_is_a_peak_not_the_mean_between():
  np.testing.assert_allclose(two_peaks().mode(), [[0.5]], atol=1e-6)
  draws = two_peaks().sample(2000, tf.constant([0, 1])).numpy()
  # Five standard errors: 5 sqrt(.25 * .75 / 2000) = .048.
  assert abs((draws < 0).mean() - 0.25) < 0.048
  assert np.abs(draws).min() > 0.05


def test_the_densest_part_need_not_be_the_heaviest():
  distribution = action_distribution.GaussianMixture(
    tf.math.log([[0.4, 0.6]]),
    tf.constant([[[-0.5], [0.5]]]),
    tf.constant([[[0.1], [0.3]]]),
  )
  # .4 / .1 against .6 / .3.
  np.testing.assert_allclose(distribution.mode(), [[-0.5]], atol=1e-6)
