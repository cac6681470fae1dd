import numpy as np
import pytest
import tensorflow as tf

from awopt_agent import structs
from awopt_agent.policies import exploration
from tests import fakes

ACTOR, CEM = int(structs.Source.ACTOR), int(structs.Source.CEM)


def make_policy(
  probability=0.2, *, explorer='episode_switch', seed=0, step=7, actor_std=1e-6
):
  """CEM moves to 1 and the actor to -.5, or as far as its deviation takes."""
  return exploration.ExplorationPolicy(
    fakes.TIME_STEP_SPEC,
    fakes.ACTION_SPEC,
    actor=fakes.PointActor((1, (2,)), mean=-0.5, std=actor_std),
    critic=fakes.LinearCritic(slope=1.0),
    cem_config=fakes.CORNER_CEM,
    config=exploration.ExplorationConfig(
      explorer=explorer, actor_probability=probability
    ),
    policy_step=tf.Variable(step, dtype=tf.int64),
    rng=tf.random.Generator.from_seed(seed),
  )


def first(policy, batch):
  return policy.action(
    fakes.time_steps([0.0] * batch, first=True),
    policy.get_initial_state(batch),
  )


def later(policy, state):
  return policy.action(fakes.time_steps([0.0] * len(state)), state)


@pytest.mark.parametrize(
  ('probability', 'source', 'move'), [(0.0, CEM, 1.0), (1.0, ACTOR, -0.5)]
)
def test_at_the_ends_one_of_them_runs_all_episodes(probability, source, move):
  step = first(make_policy(probability), 200)
  np.testing.assert_array_equal(step.info.source, [source] * 200)
  np.testing.assert_allclose(step.action['move'], [[move]] * 200, atol=1e-5)


@pytest.mark.parametrize('probability', [0.2, 0.5])
def test_the_actor_runs_its_share_of_episodes(probability):
  sources = first(make_policy(probability), 10_000).info.source.numpy()
  assert set(sources) == {ACTOR, CEM}
  # 5 standard errors: 5 sqrt(p (1 - p) / 10000), .02 and .025.
  bound = 5 * np.sqrt(probability * (1 - probability) / 10_000)
  assert abs(np.mean(sources == ACTOR) - probability) < bound


def test_the_share_holds_from_one_episode_to_the_next():
  policy = make_policy(0.5)
  sources = [first(policy, 50).info.source.numpy() for _ in range(40)]
  # 2000 draws; 5 standard errors are .056.
  assert abs(np.mean(np.array(sources) == ACTOR) - 0.5) < 0.056
  assert len({row.tobytes() for row in sources}) == 40


def test_each_row_acts_by_its_own_choice():
  step = first(make_policy(0.5), 100)
  chosen = np.where(step.info.source.numpy() == ACTOR, -0.5, 1.0)
  np.testing.assert_allclose(step.action['move'][:, 0], chosen, atol=1e-5)


def test_the_choice_is_kept_during_an_episode():
  policy = make_policy(0.5)
  step = first(policy, 100)
  start = step.info.source.numpy()
  for _ in range(5):
    step = later(policy, step.state)
    np.testing.assert_array_equal(step.info.source, start)
    np.testing.assert_array_equal(step.state, start)
    chosen = np.where(start == ACTOR, -0.5, 1.0)
    np.testing.assert_allclose(step.action['move'][:, 0], chosen, atol=1e-5)


def test_only_rows_that_begin_are_drawn_again():
  policy = make_policy(0.5)
  before = first(policy, 400)
  step = fakes.time_steps([0.0] * 400)
  begins = np.arange(400) < 200
  step = step._replace(step_type=tf.where(begins, 0, 1))
  after = policy.action(step, before.state).info.source.numpy()
  before = before.info.source.numpy()
  np.testing.assert_array_equal(after[200:], before[200:])
  # Half of 200 change; 5 standard errors are 35.
  assert 65 < np.sum(after[:200] != before[:200]) < 135


def test_the_actor_explores_by_sampling():
  policy = make_policy(1.0, actor_std=0.2)
  moves = first(policy, 4000).action['move'].numpy()
  # 5 standard errors: 5 * .2 / sqrt(4000) = .016, and that / sqrt(2). The
  # bound at -1 is 2.5 deviations away, which costs less than .005 of either.
  assert abs(moves.mean() + 0.5) < 0.021
  assert abs(moves.std() - 0.2) < 0.017
  again = first(policy, 4000).action['move'].numpy()
  assert not np.array_equal(moves, again)


def test_info_tells_the_source_and_the_learners_step():
  policy = make_policy(0.5, step=7)
  info = first(policy, 3).info
  np.testing.assert_array_equal(info.policy_step, [7, 7, 7])
  assert (info.source.dtype, info.policy_step.dtype) == (tf.int32, tf.int64)
  policy._policy_step.assign(9)
  np.testing.assert_array_equal(first(policy, 1).info.policy_step, [9])


def test_the_learners_step_is_read_inside_a_function_too():
  policy = make_policy(0.5, step=7)
  act = tf.function(policy.action, autograph=False)
  step, state = fakes.time_steps([0.0], first=True), policy.get_initial_state(1)
  act(step, state)
  policy._policy_step.assign(9)
  np.testing.assert_array_equal(act(step, state).info.policy_step, [9])


def test_equal_generators_explore_alike():
  one, two, three = (
    [first(policy, 20).info.source.numpy().tolist() for _ in range(3)]
    for policy in (
      make_policy(0.5),
      make_policy(0.5),
      make_policy(0.5, seed=1),
    )
  )
  assert one == two != three


@pytest.mark.parametrize('batch', [1, 3])
def test_acts_within_the_spec_at_any_batch_size(batch):
  policy = make_policy(0.5, actor_std=9.0)
  for _ in range(5):
    action = first(policy, batch).action
    assert action['move'].shape == (batch, 1)
    assert np.all(np.abs(action['move']) <= 1)
    assert set(action['grip'].numpy()) <= {0, 1}


@pytest.mark.parametrize('probability', [-0.1, 1.1])
def test_a_probability_outside_of_0_to_1_is_refused(probability):
  with pytest.raises(ValueError, match='actor_probability'):
    exploration.ExplorationConfig(actor_probability=probability)


@pytest.mark.parametrize(
  ('explorer', 'source', 'move'), [('actor', ACTOR, -0.5), ('cem', CEM, 1.0)]
)
def test_one_of_them_can_act_alone(explorer, source, move):
  policy = make_policy(explorer=explorer)
  for step in (first(policy, 20), later(policy, tf.fill([20], source))):
    np.testing.assert_array_equal(step.info.source, [source] * 20)
    np.testing.assert_allclose(step.action['move'], [[move]] * 20, atol=1e-5)


def test_a_step_switch_draws_at_every_step():
  policy = make_policy(explorer='step_switch')
  step = first(policy, 10_000)
  after = later(policy, step.state)
  for sources in (step.info.source.numpy(), after.info.source.numpy()):
    # 5 standard errors: 5 sqrt(.2 * .8 / 10000) = .02.
    assert abs(np.mean(sources == ACTOR) - 0.2) < 0.02
  both = (step.info.source.numpy() == ACTOR) & (
    after.info.source.numpy() == ACTOR
  )
  # Drawn anew: the actor acts twice in .2 * .2 of the episodes.
  assert abs(both.mean() - 0.04) < 0.01


def test_an_unknown_explorer_is_named():
  with pytest.raises(ValueError, match="explorer .* got 'boltzmann'"):
    exploration.ExplorationConfig(explorer='boltzmann')


def _seeded(policy, step, state, seed):
  return policy.action(step, state, seed=tf.constant(seed, tf.int32))


@pytest.mark.parametrize('explorer', exploration.EXPLORERS)
def test_a_seed_decides_all_chance_of_a_call(explorer):
  policy = make_policy(0.5, explorer=explorer, actor_std=0.3)
  state = policy.get_initial_state(20)
  steps = fakes.time_steps([0.0] * 20, first=True)
  before = policy._rng.state.numpy()
  one, two, other = (
    _seeded(policy, steps, state, seed) for seed in ([3, 4], [3, 4], [3, 5])
  )
  np.testing.assert_array_equal(one.info.source, two.info.source)
  np.testing.assert_array_equal(one.action['move'], two.action['move'])
  if explorer != 'cem':  # Which finds the corner by any seed.
    assert np.any(one.action['move'] != other.action['move'])
  np.testing.assert_array_equal(policy._rng.state, before)


def test_seeds_draw_the_actor_by_its_share():
  policy = make_policy(0.2)
  step = fakes.time_steps([0.0] * 100, first=True)
  act = tf.function(policy.action, autograph=False)
  sources = [
    act(step, policy.get_initial_state(100), tf.constant([0, n])).info.source
    for n in range(50)
  ]
  # 5000 draws; 5 standard errors are 5 sqrt(.2 * .8 / 5000) = .028.
  assert abs(np.mean(np.array(sources) == ACTOR) - 0.2) < 0.028
