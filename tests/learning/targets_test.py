import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.learning import targets


def target(reward, discount, next_value):
  return targets.n_step_target(
    tf.constant(reward), tf.constant(discount), tf.constant(next_value)
  ).numpy()


def test_one_step_adds_the_discounted_value():
  # .5 + .9 * 2; a terminal step has discount 0 and no value behind it.
  np.testing.assert_allclose(
    target([[0.5], [0.5]], [[0.9], [0.0]], [2.0, 2.0]), [2.3, 0.5]
  )


def test_three_steps_multiply_the_discounts():
  # 1 + .9 * (2 + .9 * (4 + .9 * 8)) = 1 + 1.8 + 3.24 + 5.832.
  np.testing.assert_allclose(
    target([[1.0, 2.0, 4.0]], [[0.9] * 3], [8.0]), [11.872], rtol=1e-6
  )


def test_nothing_counts_behind_a_terminal_step():
  # 1 + .9 * (2 + 0 * (...)).
  np.testing.assert_allclose(
    target([[1.0, 2.0, 4.0]], [[0.9, 0.0, 0.9]], [8.0]), [2.8], rtol=1e-6
  )


def test_a_step_past_the_end_with_reward_0_and_discount_1_changes_nothing():
  # 1 + .9 * (2 + .9 * 8), as in two steps.
  np.testing.assert_allclose(
    target([[1.0, 2.0, 0.0]], [[0.9, 0.9, 1.0]], [8.0]), [9.28], rtol=1e-6
  )


def test_no_gradient_flows_through_a_target():
  value = tf.constant([1.0])
  with tf.GradientTape() as tape:
    tape.watch(value)
    result = targets.n_step_target(tf.ones([1, 1]), tf.fill([1, 1], 0.9), value)
  assert tape.gradient(result, value) is None


@pytest.mark.parametrize(
  ('reward', 'discount', 'value'),
  [([2, 1], [2, 2], [2]), ([2, 1], [2, 1], [3]), ([2, 1], [2, 1], [2, 1])],
)
def test_shapes_that_differ_are_refused(reward, discount, value):
  with pytest.raises(ValueError, match='(?i)shape'):
    targets.n_step_target(tf.ones(reward), tf.ones(discount), tf.ones(value))


def test_an_unknown_number_of_steps_is_refused():
  @tf.function(
    autograph=False,
    input_signature=[tf.TensorSpec([None, None], tf.float32)],
  )
  def run(reward):
    return targets.n_step_target(reward, reward, reward[:, 0])

  with pytest.raises(ValueError, match='number of steps'):
    run(tf.ones([2, 1]))
