import numpy as np
import pytest

from awopt_agent.learning import networks
from awopt_agent.policies import actor_policy
from tests import fakes


def make_policy(actor):
  return actor_policy.ActorPolicy(
    fakes.TIME_STEP_SPEC, fakes.ACTION_SPEC, actor=actor
  )


def test_acts_by_the_mode():
  actor = fakes.PointActor((1, (2,)), mean=0.3, std=0.9)
  actor.logits[0].assign([0.0, 1.0])
  action = make_policy(actor).action(fakes.time_steps([0.0, 0.5])).action
  np.testing.assert_allclose(action['move'], [[0.3], [0.3]], rtol=1e-6)
  np.testing.assert_array_equal(action['grip'], [1, 1])


def test_a_mode_beyond_the_bounds_is_clipped():
  actor = fakes.PointActor((1, (2,)), mean=-7.0)
  action = make_policy(actor).action(fakes.time_steps([0.0])).action
  np.testing.assert_array_equal(action['move'], [[-1]])


@pytest.mark.parametrize('batch', [1, 5])
def test_acts_within_the_spec_at_any_batch_size(batch):
  actor = networks.MlpActor(fakes.OBSERVATION_SPEC, 1, (2,), layers=(16,))
  policy = make_policy(actor)
  step = fakes.time_steps(np.linspace(-1, 1, batch))
  action = policy.action(step).action
  assert action['move'].shape == (batch, 1)
  assert action['grip'].shape == (batch,)
  assert np.all(np.abs(action['move']) <= 1)
  assert set(action['grip'].numpy()) <= {0, 1}


def test_equal_observations_get_equal_actions():
  actor = networks.MlpActor(fakes.OBSERVATION_SPEC, 1, (2,), layers=(16,))
  policy = make_policy(actor)
  step = fakes.time_steps([0.1, 0.1])
  moves = [policy.action(step).action['move'].numpy() for _ in range(2)]
  np.testing.assert_array_equal(moves[0], moves[1])
  np.testing.assert_array_equal(moves[0][0], moves[0][1])


def test_has_the_actors_variables():
  actor = fakes.PointActor((1, (2,)))
  assert {id(v) for v in make_policy(actor).variables()} == {
    id(v) for v in actor.variables
  }
