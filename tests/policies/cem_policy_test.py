import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.learning import cem, networks
from awopt_agent.policies import cem_policy
from tests import fakes

SEED = tf.constant([1, 2])
# A search that stays within .05 of 0, so that a candidate can beat it.
NEAR_ZERO = cem.CemConfig(samples=4, elites=2, rounds=1, initial_std=0.01)


def make_policy(critic, config=fakes.CORNER_CEM, **kwargs):
  return cem_policy.CemPolicy(
    fakes.TIME_STEP_SPEC,
    fakes.ACTION_SPEC,
    critic=critic,
    config=config,
    **kwargs,
  )


def test_encodes_an_observation_once():
  critic = fakes.ProductCritic()
  make_policy(critic, cem.CemConfig(rounds=5)).action(fakes.time_steps([1.0]))
  assert critic.encoded == 1


def test_acts_by_the_best_action():
  step = fakes.time_steps([1.0, -1.0])
  action = make_policy(fakes.ProductCritic()).action(step).action
  np.testing.assert_array_equal(action['move'], [[1], [-1]])
  np.testing.assert_array_equal(action['grip'], [1, 1])


def test_the_actors_mode_competes():
  actor = fakes.PointActor((1, (2,)), mean=0.75)
  actor.logits[0].assign([0.0, 1.0])
  step = fakes.time_steps([1.0, -1.0])
  alone, both = (
    make_policy(fakes.ProductCritic(), NEAR_ZERO, actor=one).action(step).action
    for one in (None, actor)
  )
  # .75 wins where x is 1, and loses to CEM's move near 0 where x is -1.
  np.testing.assert_array_equal(both['move'][0], [0.75])
  np.testing.assert_array_equal(both['move'][1], alone['move'][1])
  assert np.all(np.abs(alone['move']) < 0.05)


def test_equal_observations_get_equal_actions():
  critic = networks.MlpCritic(fakes.OBSERVATION_SPEC, 3, layers=(16,))
  policy = make_policy(critic, cem.CemConfig())
  moves = [
    policy.action(fakes.time_steps(x)).action['move'].numpy()[0, 0]
    for x in ([0.1], [0.1], [0.1, 0.9, -0.3])
  ]
  assert moves[0] == moves[1]
  np.testing.assert_allclose(moves[2], moves[0], atol=1e-4)


def test_another_seed_searches_elsewhere():
  critic = networks.MlpCritic(fakes.OBSERVATION_SPEC, 3, layers=(16,))
  moves = {
    float(
      make_policy(critic, NEAR_ZERO, seed=seed)
      .action(fakes.time_steps([0.1]))
      .action['move'][0, 0]
    )
    for seed in range(4)
  }
  assert len(moves) == 4


@pytest.mark.parametrize('batch', [1, 5])
def test_acts_within_the_spec_at_any_batch_size(batch):
  critic = networks.MlpCritic(fakes.OBSERVATION_SPEC, 3, layers=(16,))
  policy = make_policy(critic, fakes.SMALL_CEM)
  act = tf.function(policy.action, autograph=False)
  action = act(fakes.time_steps(np.linspace(-1, 1, batch))).action
  assert action['move'].shape == (batch, 1)
  assert action['grip'].shape == (batch,)
  assert np.all(np.abs(action['move']) <= 1)
  assert set(action['grip'].numpy()) <= {0, 1}


def test_has_the_variables_of_critic_and_actor():
  critic, actor = fakes.LinearCritic(), fakes.PointActor((1, (2,)))

  def ids(variables):
    return {id(v) for v in variables}

  assert ids(make_policy(critic).variables()) == ids(critic.variables)
  assert ids(make_policy(critic, actor=actor).variables()) == ids(
    [*critic.variables, *actor.variables]
  )


def test_a_warm_start_searches_around_the_last_action():
  narrow = cem.CemConfig(samples=8, elites=1, rounds=1, initial_std=0.1)
  policy = cem_policy.CemPolicy(
    fakes.TIME_STEP_SPEC,
    fakes.MOVE_ONLY,
    critic=fakes.LinearCritic(slope=1.0),
    config=narrow,
    warm_start=True,
  )
  state = policy.get_initial_state(1)
  moves = []
  for index in range(4):
    step = policy.action(fakes.time_steps([0.0], first=index == 0), state)
    state = step.state
    moves.append(float(step.action['move']))
  # The same draws at each step, so each goes as far as the first did.
  np.testing.assert_allclose(moves, moves[0] * np.arange(1, 5), rtol=1e-4)
  assert moves[0] > 0
  again = policy.action(fakes.time_steps([0.0], first=True), state)
  np.testing.assert_allclose(again.action['move'], [[moves[0]]])


def test_without_a_warm_start_there_is_no_state():
  assert make_policy(fakes.ProductCritic()).policy_state_spec == ()
