import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec
from tf_agents.utils import common

from awopt_agent import agent as agent_lib
from awopt_agent import structs
from awopt_agent.learning import cem, critic_learner
from tests import fakes

# A search that stays within .05 of 0, so that a candidate can beat it.
NEAR_ZERO = cem.CemConfig(samples=4, elites=2, rounds=1, initial_std=0.01)


def target_of(hand, experience):
  return hand.agent.loss(experience).extra.target.numpy()


def test_importance_weights_scale_both_losses():
  hand = fakes.ByHand(actor=agent_lib.ActorConfig(baseline_samples=0))
  experience = fakes.make_experience(
    move=[[0, 0], [0, 0]], reward=[[1, 0], [3, 0]], success=True
  )
  info = hand.agent.loss(experience, weights=tf.constant([0.5, 2.0])).extra
  # Squared errors 1 and 9: (.5 * 1 + 2 * 9) / 2. Both advantages are 0, and
  # -log N(0; 0, .5) = ln(.5) + .918939 = .225792: (.5 + 2) / 2 of that.
  np.testing.assert_allclose(info.critic_loss, 9.25)
  np.testing.assert_allclose(info.actor_loss, 0.282240, rtol=1e-5)


def test_neither_loss_moves_the_others_network():
  agent = fakes.make_agent()
  experience = fakes.random_experience(success=True)
  with tf.GradientTape(persistent=True) as tape:
    info = agent.loss(experience).extra
  critics = (
    agent.critic_learner.critic,
    agent.critic_learner.target,
    agent.critic_learner.lagged,
  )
  for critic in critics:
    for variable in critic.trainable_variables:
      assert tape.gradient(info.actor_loss, variable) is None
  for network in (
    agent.actor_learner.actor,
    agent.critic_learner.target,
    agent.critic_learner.lagged,
  ):
    for variable in network.trainable_variables:
      assert tape.gradient(info.critic_loss, variable) is None
  for loss, network in (
    (info.critic_loss, agent.critic_learner.critic),
    (info.actor_loss, agent.actor_learner.actor),
  ):
    for variable in network.trainable_variables:
      assert np.any(tape.gradient(loss, variable))


def test_training_data_are_trajectories_with_labels():
  agent = fakes.make_agent(n_step=3)
  spec = agent.training_data_spec
  assert isinstance(spec, structs.Experience)
  assert spec.label == agent_lib.label_spec()
  assert spec.trajectory.action == fakes.ACTION_SPEC
  assert spec.trajectory.observation == fakes.OBSERVATION_SPEC
  assert spec.trajectory.policy_info.source.dtype == tf.int32
  assert agent.train_sequence_length == 4


def test_another_number_of_steps_is_refused():
  with pytest.raises(ValueError, match=r'2 consecutive steps .* got \(3,\)'):
    fakes.make_agent().train(fakes.random_experience(n_step=2))


def test_a_trajectory_without_labels_is_refused():
  with pytest.raises(ValueError, match='LabellingObserver'):
    fakes.make_agent().train(fakes.random_experience().trajectory)


def test_the_loss_changes_no_weight():
  agent = fakes.make_agent()
  networks = (
    agent.critic_learner.critic,
    agent.critic_learner.target,
    agent.critic_learner.lagged,
    agent.actor_learner.actor,
  )
  variables = [v for network in networks for v in network.variables]
  variables += [*agent.critic_learner.optimizer.variables]
  variables += [
    *agent.actor_learner.optimizer.variables,
    agent.train_step_counter,
  ]
  before = fakes.values_of(variables)
  agent.loss(fakes.random_experience())
  fakes.assert_equal(fakes.values_of(variables), before)


def test_training_moves_both_networks_and_counts():
  agent = fakes.make_agent()
  networks = agent.critic_learner.critic, agent.actor_learner.actor
  variables = [v for network in networks for v in network.variables]
  before = fakes.values_of(variables)
  agent.train(fakes.random_experience(success=True))
  for old, new in zip(before, fakes.values_of(variables), strict=True):
    assert not np.array_equal(old, new)
  assert agent.train_step_counter == 1
  agent.train(fakes.random_experience())
  assert agent.train_step_counter == 2


def test_a_step_follows_the_gradient():
  config = fakes.plain(learning_rate=0.01)
  hand = fakes.ByHand(
    critic=config,
    actor=agent_lib.ActorConfig(learning_rate=0.02, baseline_samples=0),
  )
  experience = fakes.make_experience(
    move=[[0.5, 0]], reward=[[1, 0]], x=[[-0.5, 0]], success=True
  )
  hand.agent.train(experience)
  # The value 0 is below the target 1: bias and slope rise, and x_slope falls,
  # since x is negative. Adam's first step is the learning rate.
  np.testing.assert_allclose(
    hand.critic.numbers(), [0.01, 0.01, -0.01], rtol=1e-4
  )
  np.testing.assert_allclose(hand.actor.mean, [0.02], rtol=1e-4)


def test_trains_inside_a_function_without_autograph():
  # As TF-Agents' users do; their Learner is the one that has AutoGraph.
  search = cem.CemConfig(samples=4, elites=2, rounds=1)
  hand = fakes.ByHand(critic=fakes.plain(lag=2), target_cem=search)
  experience = fakes.make_experience(move=[[0, 0]], reward=[[1, 0]])
  train = common.function(hand.agent.train)
  lagged = []
  for _ in range(3):
    train(experience)
    lagged.append(hand.lagged.bias.numpy())
  assert lagged[0] == 0
  assert lagged[1] == lagged[2] != 0
  assert hand.agent.train_step_counter == 3


def train_steps(agent, seeds):
  for seed in seeds:
    agent.train(fakes.random_experience(seed=seed))


def saved_values(agent, path):
  """Everything that a checkpoint of the agent holds, by name."""
  prefix = tf.train.Checkpoint(agent=agent).write(str(path))
  reader = tf.train.load_checkpoint(prefix)
  return {
    name: reader.get_tensor(name)
    for name in reader.get_variable_to_shape_map()
    if 'OBJECT_GRAPH' not in name
  }


def assert_same_values(left, right):
  assert left.keys() == right.keys()
  for name, value in left.items():
    np.testing.assert_array_equal(value, right[name], err_msg=name)


def test_a_restored_agent_goes_on_bit_for_bit(tmp_path):
  one = fakes.make_agent(critic=agent_lib.CriticConfig(lag=2), seed=1)
  train_steps(one, range(3))
  prefix = tf.train.Checkpoint(agent=one).write(str(tmp_path / 'saved'))
  train_steps(one, range(3, 5))

  two = fakes.make_agent(critic=agent_lib.CriticConfig(lag=2), seed=2)
  status = tf.train.Checkpoint(agent=two).read(prefix)
  status.assert_existing_objects_matched()
  status.assert_consumed()
  train_steps(two, range(3, 5))

  left, right = (
    saved_values(agent, tmp_path / name)
    for agent, name in ((one, 'one'), (two, 'two'))
  )
  # Without slots and generators in it the comparison would mean little.
  for part in (
    'critic_learner/optimizer',
    'actor_learner/optimizer',
    '_training_rng',
    '_practice_rng',
    'critic_learner/lagged',
    '_train_step_counter',
  ):
    assert any(part in name for name in left), part
  assert_same_values(left, right)


def test_equal_seeds_train_alike_and_others_do_not(tmp_path):
  values = []
  for index, seed in enumerate([3, 3, 4]):
    agent = fakes.make_agent(seed=seed)
    train_steps(agent, range(2))
    values.append(saved_values(agent, tmp_path / str(index)))
  assert_same_values(values[0], values[1])
  kernels = [name for name in values[0] if 'kernel' in name]
  assert kernels
  for name in kernels:
    assert not np.array_equal(values[0][name], values[2][name])


# Targets from elsewhere.


def test_targets_are_what_a_step_learns_towards():
  hand = fakes.ByHand()
  hand.target.set(bias=2, slope=3, x_slope=10)
  hand.lagged.set(bias=100)
  experience = fakes.make_experience(
    move=[[0, 0], [0, 0]],
    reward=[[0.5, 77], [0.25, 77]],
    discount=[[1, 1], [0, 1]],
    x=[[0, 0.1], [0, 0.1]],
  )
  targets = tf.function(hand.agent.bellman_targets)(experience)
  # .5 + .9 * (2 + 3 * 1 + 10 * .1), and .25 where the episode ended.
  np.testing.assert_allclose(targets, [5.9, 0.25], rtol=1e-5)
  assert targets.dtype == tf.float32


@pytest.mark.parametrize('target', ['actor', 'max_q_actor_candidate'])
def test_a_step_on_its_own_targets_is_the_same_step(target):
  config = agent_lib.CriticConfig(target=target, lag=2)
  plain, given = (fakes.make_agent(critic=config) for _ in range(2))
  for seed in range(3):
    experience = fakes.random_experience(seed=seed)
    chance = tf.identity(given._training_rng.state)
    targets = given.bellman_targets(experience)
    given._training_rng.reset(chance)
    plain.train(experience)
    given.train(experience, target=targets)
  # Actors, slots and the state of chance, too.
  fakes.assert_equal(
    fakes.values_of(plain.variables), fakes.values_of(given.variables)
  )


@pytest.mark.parametrize('step', [[[0, 1], [3, 4]], [[0, 1], [4, 5]]])
def test_with_its_target_an_item_teaches_by_its_first_step_alone(step):
  whole = fakes.make_experience(
    move=[[0.5, 0.1], [-0.5, 0.2]],
    grip=[[0, 1], [1, 0]],
    reward=[[1, 7], [0, 7]],
    x=[[0.1, 9], [0.2, 9]],
    step=step,
    length=4,
  )
  first = tf.nest.map_structure(lambda x: x[:, :1], whole)
  agents = [fakes.make_agent() for _ in range(2)]
  for agent, experience in zip(agents, (whole, first), strict=True):
    agent.time_parts(experience, target_given=True)
    agent.train(experience, target=tf.constant([0.25, 0.75]))
  fakes.assert_equal(*(fakes.values_of(agent.variables) for agent in agents))


def test_the_first_step_alone_has_no_target():
  first = tf.nest.map_structure(
    lambda x: x[:, :1], fakes.random_experience(4, n_step=2)
  )
  agent = fakes.make_agent(n_step=2)
  with pytest.raises(ValueError, match=r'3 consecutive steps .* got \(1,\)'):
    agent.train(first)


def test_targets_draw_from_the_chance_of_training():
  agent = fakes.make_agent(critic=fakes.plain(target='actor'))
  experience = fakes.random_experience()
  chance = tf.identity(agent._training_rng.state)
  first, second = (agent.bellman_targets(experience) for _ in range(2))
  assert not np.array_equal(first, second)
  agent._training_rng.reset(chance)
  np.testing.assert_array_equal(agent.bellman_targets(experience), first)


def operations(agent, *args, **kwargs):
  """Returns the types of the operations in a compiled training step."""
  traced = tf.function(agent.train).get_concrete_function(*args, **kwargs)
  inner = traced.graph.as_graph_def().library.function
  nodes = [traced.graph.as_graph_def().node, *(f.node_def for f in inner)]
  return {node.op for part in nodes for node in part}


def test_a_step_on_given_targets_searches_nothing():
  agent, experience = fakes.make_agent(), fakes.random_experience(4)
  assert 'TopKV2' in operations(agent, experience)  # It picks the elites.
  assert 'TopKV2' not in operations(agent, experience, target=tf.zeros([4]))


def test_terms_tell_of_given_targets():
  hand = fakes.ByHand()
  hand.critic.set(bias=1)
  experience = fakes.make_experience(
    # The last row is past its episode's end, and counts nowhere.
    move=[[0, 0]] * 3,
    reward=[[9, 9]] * 3,
    step=[[0, 1], [0, 1], [5, 5]],
    length=5,
  )
  info = hand.agent.loss(experience, target=tf.constant([2.0, 5, 7])).extra
  np.testing.assert_allclose(info.target, 3.5)
  # ((1 - 2)^2 + (1 - 5)^2) / 2.
  np.testing.assert_allclose(info.critic_loss, 8.5)
  assert info.candidate_share == 0


@pytest.mark.parametrize('shape', [[], [1], [3], [4, 1]])
def test_a_target_of_another_shape_is_refused(shape):
  agent, experience = fakes.make_agent(), fakes.random_experience(4)
  with pytest.raises(ValueError, match=r'target must have the shape \(4,\)'):
    agent.train(experience, target=tf.zeros(shape))


def test_a_target_of_another_length_is_refused_where_none_is_known():
  agent, experience = fakes.make_agent(), fakes.random_experience(4)
  any_length = tf.nest.map_structure(
    lambda x: tf.TensorSpec([None, *x.shape[1:]], x.dtype), experience
  )
  train = tf.function(
    lambda batch, target: agent.train(batch, target=target),
    input_signature=[any_length, tf.TensorSpec([None])],
  )
  with pytest.raises(tf.errors.InvalidArgumentError):
    train(experience, tf.zeros([1]))
  assert agent.train_step_counter == 0
  train(experience, tf.zeros([4]))


def refs(variables):
  return {variable.ref() for variable in variables}


@pytest.mark.parametrize(
  'config',
  [
    *({'target': target} for target in critic_learner.TARGETS),
    {'online_target': True},
    {'lag': 0},
    {'ensemble': 2},
    {'learns': False},
  ],
  ids=str,
)
def test_the_variables_of_targets_are_those_that_they_read(config):
  agent = fakes.make_agent(critic=fakes.plain(**config), headline='actor')
  with tf.GradientTape() as tape:
    agent.bellman_targets(fakes.random_experience())
  assert refs(agent.target_variables) == refs(tape.watched_variables())


@pytest.mark.parametrize('share_encoder', [False, True])
def test_targets_follow_from_the_variables_that_are_sent(share_encoder):
  here, there = (
    fakes.make_agent(
      seed=seed,
      share_encoder=share_encoder,
      critic=fakes.plain(online_target=True),
    )
    for seed in (1, 2)
  )
  experience = fakes.random_experience()
  there._training_rng.reset(here._training_rng.state)
  for old, new in zip(
    there.target_variables, here.target_variables, strict=True
  ):
    old.assign(new)
  np.testing.assert_array_equal(
    there.bellman_targets(experience), here.bellman_targets(experience)
  )
  assert len(refs(here.target_variables)) == len(here.target_variables)


@pytest.mark.parametrize('act_with_target', [False, True])
def test_all_policies_follow_from_the_variables_that_are_sent(act_with_target):
  here, there = (
    fakes.make_agent(seed=seed, act_with_target=act_with_target)
    for seed in (1, 2)
  )
  train_steps(here, range(2))
  for old, new in zip(
    there.acting_variables, here.acting_variables, strict=True
  ):
    old.assign(new)
  there._practice_rng.reset(here._practice_rng.state)
  step = fakes.time_steps([0.0, 0.5], first=True)
  for left, right in zip(
    [*here.policies.values(), here.collect_policy],
    [*there.policies.values(), there.collect_policy],
    strict=True,
  ):
    state = left.get_initial_state(2)
    tf.nest.map_structure(
      np.testing.assert_array_equal,
      left.action(step, state),
      right.action(step, state),
    )


def test_chance_is_not_sent_to_who_acts():
  agent = fakes.make_agent()
  practice = refs(agent.collect_policy.variables())
  chance = agent._practice_rng.state.ref()
  assert refs(agent.acting_variables) == practice - {chance}
  assert agent.acting_variables[0] is agent.train_step_counter


# Policies.


def test_offers_the_policies_by_kind():
  agent = fakes.make_agent()
  assert set(agent.policies) == {'actor', 'cem', 'cem_with_candidate'}
  assert agent.policy is agent.policies['cem_with_candidate']
  for policy in [*agent.policies.values(), agent.collect_policy]:
    state = policy.get_initial_state(2)
    action = policy.action(fakes.time_steps([0.0, 0.5]), state).action
    assert action['move'].shape == (2, 1)


@pytest.mark.parametrize(
  ('act_with_target', 'acting', 'other'),
  [(True, 'target', 'critic'), (False, 'critic', 'target')],
)
def test_policies_follow_the_weights_of_the_acting_critic(
  act_with_target, acting, other
):
  hand = fakes.ByHand(act_with_target=act_with_target)
  step = fakes.time_steps([0.0])
  for slope in (1.0, -1.0):
    getattr(hand, acting).set(slope=slope)
    getattr(hand, other).set(slope=-slope)
    action = hand.agent.policies['cem'].action(step).action['move']
    np.testing.assert_array_equal(action, [[slope]])


def q_values(agent, x, move):
  """Returns the values `[B]` of moves `[B]` at observations `[B]`."""
  x, move = (tf.constant([values], tf.float32) for values in (x, move))
  return agent.q_value({'x': tf.transpose(x)}, {'move': tf.transpose(move)})


def test_a_value_is_what_the_critic_gives_the_encoded_action():
  agent = fakes.make_agent(
    {'move': tensor_spec.BoundedTensorSpec([1], tf.float32, 0.0, 4.0)},
    critic_network=lambda *_, name, **__: fakes.LinearCritic(
      bias=1.0, slope=2.0, x_slope=10.0, name=name
    ),
    critic=fakes.PLAIN,
  )
  values = q_values(agent, [0.1, -0.2], [3.0, 0.0])
  # Moves 3 and 0 of [0, 4] are .5 and -1 of [-1, 1]: 1 + 2 * .5 + 10 * .1 and
  # 1 - 2 * 1 - 10 * .2.
  np.testing.assert_allclose(values, [3.0, -3.0], rtol=1e-6)
  assert values.dtype == tf.float32


def test_a_value_under_cross_entropy_is_the_sigmoid_of_the_score():
  hand = fakes.ByHand(critic=agent_lib.CriticConfig(loss='cross_entropy'))
  hand.critic.set(slope=np.log(3))
  # 3 / (3 + 1), and 1 / (1 + 3).
  values = q_values(hand.agent, [0, 0], [1, -1])
  np.testing.assert_allclose(values, [0.75, 0.25], rtol=1e-6)


@pytest.mark.parametrize(
  ('act_with_target', 'value'), [(True, 2.0), (False, 1.0)]
)
def test_a_value_is_the_acting_critics(act_with_target, value):
  hand = fakes.ByHand(act_with_target=act_with_target)
  hand.critic.set(bias=1)
  hand.target.set(bias=2)
  hand.lagged.set(bias=3)
  np.testing.assert_array_equal(q_values(hand.agent, [0], [0]), [value])


def test_a_value_needs_one_action_for_each_observation():
  hand = fakes.ByHand()
  with pytest.raises(ValueError, match=r'got \(2,\) and \(1,\); pass one'):
    q_values(hand.agent, [0, 0], [1])
  with pytest.raises(ValueError, match=r'got \(2,\) and \(\); pass one'):
    hand.agent.q_value({'x': tf.zeros([2, 1])}, {'move': tf.zeros([1])})


def test_practice_reports_the_learners_step():
  agent = fakes.make_agent()
  train_steps(agent, range(2))
  step = agent.collect_policy.action(
    fakes.time_steps([0.0], first=True),
    agent.collect_policy.get_initial_state(1),
  )
  np.testing.assert_array_equal(step.info.policy_step, [2])


# What a step takes, and what stops it.


def test_parts_of_a_step_are_timed_without_taking_one():
  agent = fakes.make_agent()
  experience = fakes.random_experience()
  train_steps(agent, range(2))
  before = fakes.values_of(agent.variables)
  seconds = agent.time_parts(experience)
  assert seconds.keys() == {'target', 'critic', 'actor'}
  assert all(0 < value < 60 for value in seconds.values())
  fakes.assert_equal(fakes.values_of(agent.variables), before)


def test_targets_that_are_given_are_not_timed():
  agent, experience = fakes.make_agent(), fakes.random_experience()
  seconds = agent.time_parts(experience, target_given=True)
  assert seconds.keys() == {'critic', 'actor'}


def test_parts_that_do_not_learn_are_timed_too():
  agent = fakes.make_agent(
    critic=agent_lib.CriticConfig(learns=False),
    actor=agent_lib.ActorConfig(weights='one'),
    headline='actor',
  )
  assert agent.time_parts(fakes.random_experience())['actor'] > 0


@pytest.mark.parametrize('compiled', [True, False])
def test_a_batch_that_is_not_finite_changes_no_weight(compiled):
  agent = fakes.make_agent()
  train = tf.function(agent.train) if compiled else agent.train
  good = fakes.random_experience()
  train(good)
  steps = good.trajectory
  bad = good._replace(trajectory=steps._replace(reward=steps.reward * np.nan))
  before = fakes.values_of(agent.critic_learner.variables)
  with pytest.raises(
    tf.errors.InvalidArgumentError, match='critic_loss is not finite'
  ):
    train(bad)
  fakes.assert_equal(fakes.values_of(agent.critic_learner.variables), before)
  assert agent.train_step_counter == 1
  train(good)  # And nothing stays behind.


class _Steep(fakes.LinearCritic):
  """Its slope at 0 is infinite, and its value finite."""

  def score(self, features, actions):
    return tf.sqrt(self.bias) + 0.0 * actions[..., 0]


def test_a_gradient_that_is_not_finite_changes_no_weight():
  agent = fakes.make_agent(
    fakes.MOVE_ONLY,
    critic_network=lambda *_, name, **__: _Steep(name=name),
    critic=fakes.PLAIN,
  )
  batch = fakes.make_experience(move=[[0, 0]], reward=[[1, 0]])
  assert np.isfinite(agent.loss(batch).loss)
  with pytest.raises(
    tf.errors.InvalidArgumentError, match='critic_gradient is not finite'
  ):
    agent.train(batch)
  assert agent.critic_learner.critic.members[0].bias == 0


# Configuration.


def test_a_shared_encoder_needs_a_critic_that_learns():
  with pytest.raises(ValueError, match='share_encoder needs a critic'):
    fakes.make_agent(
      share_encoder=True,
      critic=agent_lib.CriticConfig(learns=False),
      headline='actor',
    )


@pytest.mark.parametrize(
  ('make', 'wrong'),
  [
    (agent_lib.CriticConfig, {'loss': 'huber'}),
    (agent_lib.CriticConfig, {'tau': 0.0}),
    (agent_lib.CriticConfig, {'tau': 1.1}),
    (agent_lib.CriticConfig, {'gamma': -0.1}),
    (agent_lib.CriticConfig, {'gamma': 1.01}),
    (agent_lib.CriticConfig, {'lag': -1}),
    (agent_lib.CriticConfig, {'learning_rate': -1.0}),
    (agent_lib.CriticConfig, {'weight_decay': -1.0}),
    (agent_lib.CriticConfig, {'reward_scale': np.nan}),
    (agent_lib.ActorConfig, {'learning_rate': 0.0}),
    (agent_lib.ActorConfig, {'temperature': 0.0}),
    (agent_lib.ActorConfig, {'temperature': np.nan}),
    (agent_lib.ActorConfig, {'max_weight': 0.0}),
    (agent_lib.ActorConfig, {'baseline_samples': -1}),
    (fakes.make_agent, {'n_step': 0}),
  ],
)
def test_a_wrong_hyperparameter_is_named(make, wrong):
  with pytest.raises(ValueError, match=next(iter(wrong))):
    make(**wrong)


def test_an_unbounded_action_is_refused():
  with pytest.raises(ValueError, match='finite bounds'):
    fakes.make_agent({'move': tf.TensorSpec([1], tf.float32, 'move')})


# Learning.


def bandit_batch(rng, size=64):
  """One-step episodes: 1 is paid within .25 of x / 2 with the switch on."""
  x = rng.uniform(-1, 1, (size, 1))
  move = rng.uniform(-1, 1, (size, 1))
  grip = rng.integers(0, 2, (size, 1))
  paid = (np.abs(move - x / 2) < 0.25) & (grip == 1)

  def twice(values):
    return np.repeat(values, 2, axis=1)

  return fakes.make_experience(
    move=twice(move),
    grip=twice(grip),
    x=twice(x),
    reward=twice(paid),
    discount=0.0,
    success=paid,
    length=1,
  )


def bandit_success(policy):
  x = np.linspace(-1, 1, 201, dtype=np.float32)
  action = policy.action(fakes.time_steps(x), policy.get_initial_state(201))
  move = action.action['move'].numpy()[:, 0]
  return np.mean((np.abs(move - x / 2) < 0.25) & (action.action['grip'] == 1))


@pytest.mark.parametrize('seed', [0, 1])
def test_learns_which_actions_pay(seed):
  agent = fakes.make_agent(
    seed=seed,
    **fakes.small_networks((32, 32)),
    critic=agent_lib.CriticConfig(learning_rate=3e-3),
    actor=agent_lib.ActorConfig(learning_rate=3e-3),
    policy_cem=cem.CemConfig(),
  )
  before = bandit_success(agent.policies['actor'])
  train = tf.function(agent.train, autograph=False)
  rng = np.random.default_rng(seed)
  for _ in range(200):
    info = train(bandit_batch(rng)).extra
  assert all(np.isfinite(value) for value in info)
  # An untrained mode near 0 is paid where the switch is on, for |x| < .5: half
  # of the observations. Five seeds measured reached 1.0 with every policy.
  assert before < 0.7
  for kind, policy in agent.policies.items():
    assert bandit_success(policy) > 0.9, kind


def test_a_restricted_spec_is_kept_by_every_policy():
  spec = tensor_spec.BoundedTensorSpec([2], tf.float32, [3.0, -1], [4.0, 0])
  agent = fakes.make_agent(spec)
  for policy in [*agent.policies.values(), agent.collect_policy]:
    step = fakes.time_steps(np.linspace(-1, 1, 30), first=True)
    action = policy.action(step, policy.get_initial_state(30)).action
    assert np.all(action >= [3, -1]) and np.all(action <= [4, 0])
