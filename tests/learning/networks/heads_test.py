import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.learning.networks import heads


def make(kind='gaussian', bias=None, sizes=(2, (3, 2)), **kwargs):
  """Returns a head that gives its bias whatever the features are."""
  head = heads.ActorHead(4, *sizes, kind=kind, **kwargs)
  head._layer.kernel.assign(tf.zeros_like(head._layer.kernel))
  if bias is not None:
    head._layer.bias.assign(bias)
  return head(tf.ones([1, 4]))


@pytest.mark.parametrize('kind', ['gaussian', 'tanh_gaussian', 'mixture'])
def test_every_kind_gives_action_vectors(kind):
  head = heads.ActorHead(4, 2, (3, 2), kind=kind)
  distribution = head(tf.random.stateless_normal([5, 4], [0, 1]))
  draws = distribution.sample(6, tf.constant([0, 1]))
  assert distribution.mode().shape == (5, 7)
  assert draws.shape == (5, 6, 7)
  assert np.all(np.abs(draws) <= 1)
  assert np.all(np.isfinite(distribution.log_prob(draws[:, 0])))


@pytest.mark.parametrize('kind', ['gaussian', 'tanh_gaussian', 'mixture'])
def test_every_kind_takes_actions_without_a_continuous_part(kind):
  distribution = heads.ActorHead(4, 0, (3,), kind=kind)(tf.ones([2, 4]))
  assert distribution.mode().shape == (2, 3)
  assert distribution.sample(5, tf.constant([0, 1])).shape == (2, 5, 3)
  assert np.all(np.isfinite(distribution.log_prob(distribution.mode())))


@pytest.mark.parametrize(('bias', 'std'), [(-50.0, 0.2), (50.0, 0.6)])
def test_the_deviation_stays_in_its_bounds(bias, std):
  # The outputs are mean (2), deviation (2), then the logits.
  shift = [0.0, 0.0, bias, bias] + [0.0] * 5
  distribution = make(bias=shift, min_std=0.2, max_std=0.6)
  # At the mean (0, 0): -2 (ln(std) + .918939) + ln(1/3) + ln(1/2).
  log_prob = distribution.log_prob(tf.constant([[0.0, 0, 1, 0, 0, 1, 0]]))
  expected = -2 * (np.log(std) + 0.918939) - np.log(6)
  np.testing.assert_allclose(log_prob, [expected], rtol=1e-5)


def test_components_of_a_mixture_have_means_of_their_own():
  # Means (2 parts of 1), deviations, then the weights: 1 : 3.
  bias = [np.arctanh(-0.5), np.arctanh(0.5), -50.0, -50.0, 0.0, np.log(3.0)]
  distribution = make(
    'mixture', bias, (1, ()), components=2, min_std=0.1, max_std=0.2
  )
  np.testing.assert_allclose(distribution.mode(), [[0.5]], atol=1e-6)
  # .25 and .75 of a Gaussian's peak, 1 / (.1 sqrt(2 pi)) = 3.98942.
  for place, density in ((-0.5, 0.25 * 3.98942), (0.5, 0.75 * 3.98942)):
    log_prob = distribution.log_prob(tf.constant([[place]]))
    np.testing.assert_allclose(np.exp(log_prob), [density], rtol=1e-4)


@pytest.mark.parametrize(('low', 'high'), [(0.0, 1.0), (0.5, 0.5), (0.6, 0.5)])
def test_bounds_of_the_deviation_that_make_no_sense_are_named(low, high):
  with pytest.raises(ValueError, match='min_std'):
    make(min_std=low, max_std=high)


def test_an_unknown_kind_is_named():
  with pytest.raises(ValueError, match="ActorHead.kind .* got 'cauchy'"):
    make('cauchy')


def test_a_mixture_of_nothing_is_refused():
  with pytest.raises(ValueError, match='components must be >= 1, got 0'):
    make('mixture', components=0)
