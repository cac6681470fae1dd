import numpy as np
import tensorflow as tf

from awopt_agent.policies import base
from tests import fakes


class _FixedPolicy(base.VectorPolicy):
  """Always gives the same vector."""

  def _variables(self):
    return ()

  def _action(self, time_step, policy_state=(), seed=None):
    rows = tf.shape(time_step.step_type)[0]
    return self._step(tf.tile([[0.25, 0.0, 1.0]], [rows, 1]))


def make_policy():
  return _FixedPolicy(fakes.TIME_STEP_SPEC, fakes.ACTION_SPEC)


def test_vectors_become_actions_of_the_spec():
  action = make_policy().action(fakes.time_steps([0.0, 1.0])).action
  np.testing.assert_array_equal(action['move'], [[0.25], [0.25]])
  np.testing.assert_array_equal(action['grip'], [1, 1])
  assert action['grip'].dtype == tf.int32


def test_the_distribution_is_the_action_itself():
  step = make_policy().distribution(fakes.time_steps([0.0, 1.0]))
  np.testing.assert_array_equal(step.action['move'].sample(), [[0.25], [0.25]])
  np.testing.assert_array_equal(step.action['grip'].mode(), [1, 1])


def test_info_has_a_source_and_a_step():
  spec = base.info_spec()
  assert (spec.source.dtype, spec.policy_step.dtype) == (tf.int32, tf.int64)
  assert spec.source.shape.rank == spec.policy_step.shape.rank == 0
