import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.learning import losses


def weights(q_logged, q_actor, temperature=1.0, max_weight=100.0):
  return losses.advantage_weights(
    tf.constant(q_logged),
    tf.constant(q_actor),
    temperature=temperature,
    max_weight=max_weight,
  ).numpy()


# The critic.


def test_cross_entropy_of_a_logit():
  # Logit 0 is probability .5: -ln(.5) whatever the target. Logit ln(3) is
  # .75: -(.25 ln(.75) + .75 ln(.25)) = .0719205 + 1.0397208.
  loss = losses.critic_cross_entropy(
    tf.math.log([1.0, 1.0, 3.0]), tf.constant([0.0, 0.3, 0.25])
  )
  np.testing.assert_allclose(loss, [0.693147, 0.693147, 1.111641], rtol=1e-5)


def test_cross_entropy_clips_targets_to_probabilities():
  # Logit ln(3): a target of 1.7 counts as 1, -ln(.75); -.4 as 0, -ln(.25).
  loss = losses.critic_cross_entropy(
    tf.math.log([3.0, 3.0]), tf.constant([1.7, -0.4])
  )
  np.testing.assert_allclose(loss, [0.287682, 1.386294], rtol=1e-5)


def test_cross_entropy_is_finite_for_any_logit():
  loss = losses.critic_cross_entropy(
    tf.constant([1e4, -1e4]), tf.constant([0.0, 1.0])
  )
  np.testing.assert_allclose(loss, [1e4, 1e4])


def test_cross_entropy_pulls_the_probability_to_the_target():
  logit = tf.constant([0.0])
  with tf.GradientTape() as tape:
    tape.watch(logit)
    loss = losses.critic_cross_entropy(logit, tf.constant([0.8]))
  np.testing.assert_allclose(tape.gradient(loss, logit), [-0.3])  # .5 - .8


def test_squared_error():
  loss = losses.critic_squared_error(
    tf.constant([1.0, -2.0]), tf.constant([3.0, -2.5])
  )
  np.testing.assert_allclose(loss, [4.0, 0.25])


# Advantage weights.


def test_one_temperature_of_advantage_weighs_e():
  # exp(1), exp(0), exp(-1); then exp(.1 / .05) = e^2 and exp(-2).
  np.testing.assert_allclose(
    weights([2.0, 1.0, 0.0], [1.0, 1.0, 1.0]),
    [2.7182817, 1.0, 0.36787944],
    rtol=1e-6,
  )
  np.testing.assert_allclose(
    weights([0.6, 0.4], [0.5, 0.5], temperature=0.05),
    [7.389056, 0.1353353],
    rtol=1e-5,
  )


def test_a_low_temperature_sharpens_and_a_high_one_levels():
  gaps = []
  for temperature in (0.1, 1.0, 10.0):
    better, worse = weights([0.2, 0.0], [0.1, 0.1], temperature=temperature)
    gaps.append(better / worse)
  # exp(.2 / temperature).
  np.testing.assert_allclose(gaps, [7.389056, 1.2214028, 1.0202013], rtol=1e-5)


def test_weights_are_capped_without_overflow():
  # exp(2) < 20 < exp(4); exp(1e6) would be inf, exp(-1e6) is 0.
  np.testing.assert_allclose(
    weights([2.0, 4.0, 1e6, -1e6], [0.0] * 4, max_weight=20.0),
    [7.389056, 20.0, 20.0, 0.0],
    rtol=1e-5,
  )


def test_no_gradient_flows_through_weights():
  logged, actor = tf.constant([1.0]), tf.constant([0.5])
  with tf.GradientTape() as tape:
    tape.watch([logged, actor])
    weight = losses.advantage_weights(
      logged, actor, temperature=1.0, max_weight=9.0
    )
  assert tape.gradient(weight, [logged, actor]) == [None, None]


@pytest.mark.parametrize('temperature', [0.0, -1.0])
def test_a_temperature_must_be_positive(temperature):
  with pytest.raises(ValueError, match='temperature'):
    weights([1.0], [1.0], temperature=temperature)


# The actor.


def actor_loss(log_prob, weight, keep):
  log_prob, weight = tf.constant(log_prob), tf.constant(weight)
  with tf.GradientTape() as tape:
    tape.watch(log_prob)
    loss = losses.actor_loss(log_prob, weight, tf.constant(keep))
  return loss.numpy(), tape.gradient(loss, log_prob).numpy()


def test_the_loss_is_the_weighted_mean_over_the_kept():
  loss, gradient = actor_loss(
    [-1.0, -2.0, -8.0], [2.0, 0.5, 7.0], [True, True, False]
  )
  # (1 * 2 + 2 * .5) / 2; its gradient is -weight / 2 where kept.
  np.testing.assert_allclose(loss, 1.5)
  np.testing.assert_allclose(gradient, [-1.0, -0.25, 0.0])


def test_a_batch_without_success_gives_exactly_nothing():
  loss, gradient = actor_loss([-1.0, -2.0], [20.0, 20.0], [False, False])
  assert loss == 0
  np.testing.assert_array_equal(gradient, [0.0, 0.0])


def test_failures_do_not_dilute_the_successes():
  alone, _ = actor_loss([-3.0], [2.0], [True])
  among_failures, _ = actor_loss(
    [-3.0, -1.0, -1.0], [2.0, 2.0, 2.0], [True, False, False]
  )
  np.testing.assert_allclose([alone, among_failures], [6.0, 6.0])


@pytest.mark.parametrize(
  'loss',
  [
    lambda: losses.critic_cross_entropy(tf.ones([2]), tf.ones([2, 1])),
    lambda: losses.critic_squared_error(tf.ones([2]), tf.ones([3])),
    lambda: losses.advantage_weights(
      tf.ones([2]), tf.ones([2, 1]), temperature=1.0, max_weight=1.0
    ),
    lambda: losses.actor_loss(tf.ones([2]), tf.ones([1]), tf.ones([2]) > 0),
    lambda: losses.actor_loss(tf.ones([2]), tf.ones([2]), tf.ones([3]) > 0),
  ],
)
def test_shapes_that_differ_are_refused(loss):
  with pytest.raises(ValueError, match='(?i)shape'):
    loss()


def test_a_softmax_weighs_kept_actions_against_each_other():
  weights = losses.softmax_weights(
    tf.constant([0.1, 0.0, 9.0]),
    tf.constant([True, True, False]),
    temperature=0.1,
  )
  # e / (e + 1) and 1 / (e + 1), times the 2 that are kept.
  np.testing.assert_allclose(weights, [1.462117, 0.537883, 0], rtol=1e-5)


def test_a_softmax_over_nothing_is_zero():
  weights = losses.softmax_weights(
    tf.constant([1.0, 2.0]), tf.constant([False, False]), temperature=1.0
  )
  np.testing.assert_array_equal(weights, [0, 0])


def test_a_softmax_survives_enormous_advantages():
  weights = losses.softmax_weights(
    tf.constant([1e6, 0.0]), tf.constant([True, True]), temperature=1e-3
  )
  np.testing.assert_array_equal(weights, [2, 0])
