import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec
from tf_agents.utils import common

from awopt_agent import agent as agent_lib
from awopt_agent import structs
from awopt_agent.learning import cem
from tests import fakes

# Scores are values then, which keeps the arithmetic short.
PLAIN = agent_lib.CriticConfig(loss='squared_error', gamma=0.9)
# A search that stays within .05 of 0, so that a candidate can beat it.
NEAR_ZERO = cem.CemConfig(samples=4, elites=2, rounds=1, initial_std=0.01)


def plain(**changes):
  return dataclasses.replace(PLAIN, **changes)


def by_hand(**kwargs):
  return fakes.ByHand(**{'critic': PLAIN, **kwargs})


def target_of(hand, experience):
  return hand.agent.loss(experience).extra.target.numpy()


def values_of(variables):
  return [variable.numpy() for variable in variables]


def assert_equal(left, right):
  for one, two in zip(left, right, strict=True):
    np.testing.assert_array_equal(one, two)


# The Bellman target.


@pytest.mark.parametrize(('discount', 'target'), [(1.0, 5.9), (0.0, 0.5)])
def test_a_truncated_end_bootstraps_and_a_terminal_one_does_not(
  discount, target
):
  hand = by_hand()
  hand.target.set(bias=2, slope=3, x_slope=10)
  hand.lagged.set(bias=100)
  experience = fakes.make_experience(
    move=[[0.3, 0.7]],
    reward=[[0.5, 77]],
    discount=[[discount, 0.5]],
    x=[[0.9, 0.1]],
    length=1,
  )
  # The best move is 1, at the next x: .5 + .9 * (2 + 3 * 1 + 10 * .1).
  np.testing.assert_allclose(target_of(hand, experience), target, rtol=1e-5)


def test_the_target_takes_the_lesser_of_two_critics():
  hand = by_hand()
  experience = fakes.make_experience(move=[[0, 0]], reward=[[0, 0]])
  hand.target.set(bias=1, slope=1)
  # The first target chooses the move, 1, and values it at 2. The second says
  # 4 - 3 = 1 about that move, though its own best would be 4 + 3.
  hand.lagged.set(bias=4, slope=-3)
  np.testing.assert_allclose(target_of(hand, experience), 0.9, rtol=1e-6)
  hand.lagged.set(bias=4, slope=-1)  # 3, so the first one's 2 holds.
  np.testing.assert_allclose(target_of(hand, experience), 1.8, rtol=1e-6)


def test_without_a_lag_there_is_one_target_critic():
  hand = by_hand(critic=plain(lag=0))
  hand.target.set(bias=2)
  hand.lagged.set(bias=-50)
  experience = fakes.make_experience(move=[[0, 0]], reward=[[0, 0]])
  np.testing.assert_allclose(target_of(hand, experience), 1.8, rtol=1e-6)
  hand.agent.train(experience)
  assert hand.lagged.bias == -50


def test_the_online_critic_has_no_part_in_the_target():
  hand = by_hand()
  experience = fakes.make_experience(move=[[0, 0]], reward=[[0.25, 0]])
  hand.critic.set(bias=9, slope=9)
  np.testing.assert_allclose(target_of(hand, experience), 0.25)


def test_the_candidate_raises_the_target_where_it_beats_cem():
  experience = fakes.make_experience(move=[[0, 0]], reward=[[0, 0]])
  terms = {}
  for use_candidate in (True, False):
    hand = by_hand(
      critic=plain(use_candidate=use_candidate),
      target_cem=NEAR_ZERO,
      actor_mean=0.8,
    )
    hand.target.set(bias=1, slope=2)
    hand.lagged.set(bias=100)
    terms[use_candidate] = hand.agent.loss(experience).extra
  # .9 * (1 + 2 * .8); CEM alone reaches .9 * (1 + 2 * .05) at most.
  np.testing.assert_allclose(terms[True].target, 2.34, rtol=1e-6)
  assert 0.8 < terms[False].target < 0.99
  assert terms[True].candidate_share == 1
  assert terms[False].candidate_share == 0


def test_a_poor_candidate_changes_nothing():
  experience = fakes.make_experience(move=[[0, 0]], reward=[[0, 0]])
  found = []
  for use_candidate in (True, False):
    hand = by_hand(
      critic=plain(use_candidate=use_candidate),
      target_cem=NEAR_ZERO,
      actor_mean=-0.8,
    )
    hand.target.set(slope=2)
    hand.lagged.set(bias=100)
    info = hand.agent.loss(experience).extra
    found.append(info.target.numpy())
    assert info.candidate_share == 0
  assert found[0] == found[1]


def test_three_steps_add_three_rewards_and_the_value_behind_them():
  hand = by_hand(critic=plain(gamma=0.5), n_step=3)
  hand.target.set(x_slope=1)
  hand.lagged.set(bias=100)
  experience = fakes.make_experience(
    move=[[0] * 4], reward=[[1, 2, 4, 77]], x=[[70, 71, 72, 8]]
  )
  # 1 + 2/2 + 4/4 + 8/8.
  np.testing.assert_allclose(target_of(hand, experience), 4.0)


def test_three_steps_end_at_a_terminal_step():
  hand = by_hand(critic=plain(gamma=0.5), n_step=3)
  hand.target.set(bias=50)
  hand.lagged.set(bias=100)
  experience = fakes.make_experience(
    move=[[0] * 4], reward=[[1, 2, 4, 77]], discount=[[1, 1, 0, 1]], length=3
  )
  # 1 + 2/2 + 4/4.
  np.testing.assert_allclose(target_of(hand, experience), 3.0)


PADDED = {'step': [[3, 4, 5, 5]], 'length': 5, 'episode_id': 1}
# A buffer of whole trajectories goes on with the next episode: after steps 3
# and 4 and the last observation, 5, come its steps 0 and 1.
NEXT_EPISODE = {
  'step': [[4, 5, 0, 1]],
  'length': [[5, 5, 9, 9]],
  'episode_id': [[1, 1, 2, 2]],
}


@pytest.mark.parametrize(('discount', 'target'), [(1.0, 4.0), (0.0, 2.0)])
def test_three_steps_past_the_end_stop_at_the_end_of_padded_frames(
  discount, target
):
  hand = by_hand(critic=plain(gamma=0.5), n_step=3)
  hand.target.set(x_slope=1)
  hand.lagged.set(bias=100)
  experience = fakes.make_experience(
    move=[[0] * 4],
    reward=[[1, 2, 55, 55]],
    discount=[[1, discount, 0.3, 0.3]],
    x=[[70, 71, 8, 99]],
    **PADDED,
  )
  # Two steps are left: 1 + 2/2, and 8/4 where the end was a truncation.
  np.testing.assert_allclose(target_of(hand, experience), target)


@pytest.mark.parametrize(('discount', 'target'), [(1.0, 5.0), (0.0, 1.0)])
def test_three_steps_past_the_end_ignore_the_next_episode(discount, target):
  hand = by_hand(critic=plain(gamma=0.5), n_step=3)
  hand.target.set(x_slope=1)
  hand.lagged.set(bias=100)
  experience = fakes.make_experience(
    move=[[0] * 4],
    reward=[[1, 55, 55, 55]],
    discount=[[discount, 0.3, 0.3, 0.3]],
    x=[[70, 8, 98, 99]],
    **NEXT_EPISODE,
  )
  # One step is left: 1, and 8/2 where the end was a truncation.
  np.testing.assert_allclose(target_of(hand, experience), target)


# The critic's loss.


def test_squared_error_of_the_logged_actions():
  hand = by_hand()
  hand.critic.set(bias=1, slope=2)
  hand.target.set(bias=1)
  hand.lagged.set(bias=1)
  experience = fakes.make_experience(
    move=[[0.5, 0], [-0.5, 0]], reward=[[0.1, 0], [1.1, 0]]
  )
  info = hand.agent.loss(experience).extra
  # Values 1 + 2 * .5 and 1 - 2 * .5; targets .1 + .9 and 1.1 + .9.
  # ((2 - 1)^2 + (0 - 2)^2) / 2.
  np.testing.assert_allclose(info.critic_loss, 2.5, rtol=1e-5)
  np.testing.assert_allclose(info.value, 1.0)
  np.testing.assert_allclose(info.target, 1.5, rtol=1e-6)


def test_cross_entropy_takes_scores_for_logits():
  hand = by_hand(critic=agent_lib.CriticConfig(gamma=0.8))
  log3 = np.log(3)
  hand.critic.set(bias=log3)
  hand.target.set(bias=-log3, slope=2 * log3)
  hand.lagged.set(bias=9)
  experience = fakes.make_experience(move=[[0, 0]], reward=[[0.1, 0]])
  info = hand.agent.loss(experience).extra
  # The next value is sigmoid(-ln 3 + 2 ln 3) = .75, the target .1 + .8 * .75
  # = .7, the value .75: -(.7 ln .75 + .3 ln .25) = .201377 + .415888.
  np.testing.assert_allclose(info.target, 0.7, rtol=1e-6)
  np.testing.assert_allclose(info.value, 0.75, rtol=1e-6)
  np.testing.assert_allclose(info.critic_loss, 0.617266, rtol=1e-5)


def test_cross_entropy_clips_a_target_beyond_one():
  hand = by_hand(critic=agent_lib.CriticConfig(gamma=0.8))
  hand.critic.set(bias=np.log(3))
  experience = fakes.make_experience(move=[[0, 0]], reward=[[1, 0]])
  info = hand.agent.loss(experience).extra
  # 1 + .8 * .5 counts as 1: -ln .75.
  np.testing.assert_allclose(info.target, 1.4, rtol=1e-6)
  np.testing.assert_allclose(info.critic_loss, 0.287682, rtol=1e-5)


def test_importance_weights_scale_both_losses():
  hand = by_hand(actor=agent_lib.ActorConfig(baseline_samples=0))
  experience = fakes.make_experience(
    move=[[0, 0], [0, 0]], reward=[[1, 0], [3, 0]], success=True
  )
  info = hand.agent.loss(experience, weights=tf.constant([0.5, 2.0])).extra
  # Squared errors 1 and 9: (.5 * 1 + 2 * 9) / 2. Both advantages are 0, and
  # -log N(0; 0, .5) = ln(.5) + .918939 = .225792: (.5 + 2) / 2 of that.
  np.testing.assert_allclose(info.critic_loss, 9.25)
  np.testing.assert_allclose(info.actor_loss, 0.282240, rtol=1e-5)


# The actor's loss. N(.5; 0, .5) has z = 1: -log is .5 + .225792 = .725792.


def actor_info(hand, **kwargs):
  kwargs = {'move': [[0.5, 0]], 'reward': [[0, 0]], 'success': True, **kwargs}
  return hand.agent.loss(fakes.make_experience(**kwargs)).extra


@pytest.mark.parametrize('samples', [0, 1, 3])
def test_the_actor_is_weighted_by_the_target_critics_advantage(samples):
  config = agent_lib.ActorConfig(baseline_samples=samples, temperature=0.05)
  # So narrow that all samples are the mode.
  hand = by_hand(actor=config, actor_std=1e-6, actor_mean=0.5)
  hand.critic.set(slope=77)
  hand.target.set(slope=0.1)
  info = actor_info(hand, move=[[1.0, 0]])
  # .1 * (1 - .5) is one temperature: e.
  np.testing.assert_allclose(info.advantage, 0.05, rtol=1e-4)
  np.testing.assert_allclose(info.weight, 2.718282, rtol=1e-3)


def test_the_baseline_is_the_mean_value_of_samples():
  config = agent_lib.ActorConfig(baseline_samples=4000)
  hand = by_hand(actor=config, actor_std=0.1, actor_mean=0.2)
  hand.target.set(slope=1)
  info = actor_info(hand)
  # .5 - .2, to 5 standard errors: 5 * .1 / sqrt(4000) = .008.
  np.testing.assert_allclose(info.advantage, 0.3, atol=0.008)


def test_the_actors_loss_is_the_weighted_likelihood():
  hand = by_hand(
    actor=agent_lib.ActorConfig(baseline_samples=0, temperature=0.05)
  )
  hand.target.set(slope=0.1)
  # e * .725792.
  np.testing.assert_allclose(actor_info(hand).actor_loss, 1.972908, rtol=1e-5)


def test_a_higher_temperature_weighs_less():
  hand = by_hand(
    actor=agent_lib.ActorConfig(baseline_samples=0, temperature=0.5)
  )
  hand.target.set(slope=0.1)
  np.testing.assert_allclose(actor_info(hand).weight, np.exp(0.1), rtol=1e-5)


def test_an_enormous_advantage_is_capped():
  hand = by_hand(
    actor=agent_lib.ActorConfig(baseline_samples=0, max_weight=20.0)
  )
  hand.target.set(slope=2e6)
  info = actor_info(hand)
  np.testing.assert_allclose(info.weight, 20.0, rtol=1e-5)
  np.testing.assert_allclose(info.actor_loss, 14.51584, rtol=1e-5)  # * .725792


def test_only_successes_teach_the_actor():
  hand = by_hand(actor=agent_lib.ActorConfig(baseline_samples=0))
  both = {'move': [[0.5, 0], [-1, 0]], 'reward': [[0, 0]] * 2}
  info = actor_info(hand, **both, success=[[True], [False]])
  np.testing.assert_allclose(info.actor_loss, 0.725792, rtol=1e-5)
  np.testing.assert_allclose(info.success_share, 0.5)


def test_without_the_filter_failures_teach_the_actor_too():
  hand = by_hand(
    actor=agent_lib.ActorConfig(baseline_samples=0, success_filter=False)
  )
  both = {'move': [[0.5, 0], [-1, 0]], 'reward': [[0, 0]] * 2}
  info = actor_info(hand, **both, success=[[True], [False]])
  # z = 2 at -1: 2 + .225792; the mean of .725792 and 2.225792.
  np.testing.assert_allclose(info.actor_loss, 1.475792, rtol=1e-5)


def test_a_batch_without_success_leaves_the_actor_alone():
  hand = by_hand()
  hand.target.set(slope=2e6)
  experience = fakes.make_experience(
    move=[[0.5, 0], [-1, 0]], reward=[[1, 0], [0, 0]], success=False
  )
  before = values_of(hand.actor.variables)
  with tf.GradientTape() as tape:
    info = hand.agent.loss(experience).extra
  assert info.actor_loss == 0
  assert info.weight == 0
  gradient = tape.gradient(info.actor_loss, hand.actor.mean)
  np.testing.assert_array_equal(gradient, [0.0])
  hand.agent.train(experience)
  assert_equal(values_of(hand.actor.variables), before)


def test_neither_loss_moves_the_others_network():
  agent = fakes.make_agent()
  experience = fakes.random_experience(success=True)
  with tf.GradientTape(persistent=True) as tape:
    info = agent.loss(experience).extra
  critics = agent._critic, agent._target, agent._lagged
  for critic in critics:
    for variable in critic.trainable_variables:
      assert tape.gradient(info.actor_loss, variable) is None
  for network in (agent._actor, agent._target, agent._lagged):
    for variable in network.trainable_variables:
      assert tape.gradient(info.critic_loss, variable) is None
  for loss, network in (
    (info.critic_loss, agent._critic),
    (info.actor_loss, agent._actor),
  ):
    for variable in network.trainable_variables:
      assert np.any(tape.gradient(loss, variable))


# Transitions that are none: from an episode's last step to the next one.


@pytest.mark.parametrize('garbage', [0.0, 1.0])
def test_boundary_transitions_have_no_influence(garbage):
  good = {
    'move': [[0.5, 0.1]],
    'reward': [[1, 0]],
    'x': [[0.2, 0.3]],
    'success': True,
    'length': 5,
  }
  mixed = {
    'move': [[0.5, 0.1], [garbage, -garbage]],
    'reward': [[1, 0], [-9, 9]],
    'discount': [[1, 1], [garbage, garbage]],
    'x': [[0.2, 0.3], [garbage, -garbage]],
    'success': True,
    'step': [[0, 1], [5, 0]],
    'length': [[5, 5], [5, 8]],
    'episode_id': [[1, 1], [1, 2]],
  }
  found = []
  for batch in (good, mixed):
    hand = by_hand(actor=agent_lib.ActorConfig(baseline_samples=0))
    hand.critic.set(bias=0.3, slope=0.2)
    hand.target.set(bias=0.1, slope=0.02, x_slope=0.3)
    hand.lagged.set(bias=9)
    info = hand.agent.train(fakes.make_experience(**batch)).extra
    found.append([*info, *hand.critic.numbers(), hand.actor.mean.numpy()[0]])
  np.testing.assert_allclose(found[1], found[0], rtol=1e-5)


def test_a_batch_of_boundaries_alone_is_legal():
  hand = by_hand()
  hand.critic.set(bias=0.3, slope=0.2)
  experience = fakes.make_experience(
    move=[[0.5, 0.1]],
    reward=[[1, 0]],
    step=[[5, 0]],
    length=5,
    episode_id=[[1, 2]],
    success=True,
  )
  before = hand.critic.numbers()
  info = hand.agent.train(experience).extra
  assert np.all(np.isfinite(list(info)))
  assert info.critic_loss == 0
  assert info.actor_loss == 0
  assert_equal(hand.critic.numbers(), before)


# Training.


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
  with pytest.raises(ValueError, match='2 consecutive steps .* got 3'):
    fakes.make_agent().train(fakes.random_experience(n_step=2))


def test_a_trajectory_without_labels_is_refused():
  with pytest.raises(ValueError, match='LabellingObserver'):
    fakes.make_agent().train(fakes.random_experience().trajectory)


def test_the_loss_changes_no_weight():
  agent = fakes.make_agent()
  networks = agent._critic, agent._target, agent._lagged, agent._actor
  variables = [v for network in networks for v in network.variables]
  variables += [*agent._critic_optimizer.variables]
  variables += [*agent._actor_optimizer.variables, agent.train_step_counter]
  before = values_of(variables)
  agent.loss(fakes.random_experience())
  assert_equal(values_of(variables), before)


def test_training_moves_both_networks_and_counts():
  agent = fakes.make_agent()
  networks = agent._critic, agent._actor
  variables = [v for network in networks for v in network.variables]
  before = values_of(variables)
  agent.train(fakes.random_experience(success=True))
  for old, new in zip(before, values_of(variables), strict=True):
    assert not np.array_equal(old, new)
  assert agent.train_step_counter == 1
  agent.train(fakes.random_experience())
  assert agent.train_step_counter == 2


def test_a_step_follows_the_gradient():
  config = plain(learning_rate=0.01)
  hand = by_hand(
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


def test_the_first_target_follows_by_polyak_averages():
  hand = by_hand(critic=plain(tau=0.25, learning_rate=0.01, lag=100))
  hand.target.set(bias=4)
  hand.agent.train(fakes.make_experience(move=[[0, 0]], reward=[[1, 0]]))
  # The critic's bias went from 0 to .01: 4 + .25 * (.01 - 4).
  np.testing.assert_allclose(hand.critic.bias, 0.01, rtol=1e-4)
  np.testing.assert_allclose(hand.target.bias, 3.0025, rtol=1e-6)
  assert hand.lagged.bias == 0


def test_the_second_target_is_a_copy_of_the_first_every_lag_steps():
  hand = by_hand(critic=plain(lag=3, tau=0.1))
  experience = fakes.make_experience(move=[[0, 0]], reward=[[1, 0]])
  first, second = [], []
  for _ in range(7):
    hand.agent.train(experience)
    first.append(hand.target.bias.numpy())
    second.append(hand.lagged.bias.numpy())
  assert len(set(first)) == 7
  # Copied in steps 3 and 6.
  assert second == [0, 0, first[2], first[2], first[2], first[5], first[5]]


def test_weight_decay_shrinks_kernels_and_no_biases():
  experience = fakes.random_experience(success=True)
  after = {}
  for decay in (0.0, 0.5):
    agent = fakes.make_agent(
      critic=agent_lib.CriticConfig(learning_rate=0.01, weight_decay=decay),
      actor=agent_lib.ActorConfig(learning_rate=0.01, weight_decay=decay),
    )
    variables = [
      *agent._critic.trainable_variables,
      *agent._actor.trainable_variables,
    ]
    for variable in variables:
      if 'bias' in variable.name:  # They start at 0, which has no decay.
        variable.assign(tf.ones_like(variable))
    before = values_of(variables)
    agent.train(experience)
    after[decay] = values_of(variables)
  # A step takes .01 * .5 of a kernel on top.
  for variable, start, free, decayed in zip(
    variables, before, after[0.0], after[0.5], strict=True
  ):
    share = 0.005 if 'kernel' in variable.name else 0.0
    np.testing.assert_allclose(decayed, free - share * start, atol=1e-6)


def test_targets_start_as_copies_and_share_no_variable():
  agent = fakes.make_agent()
  critic, target, lagged = agent._critic, agent._target, agent._lagged
  assert_equal(values_of(critic.variables), values_of(target.variables))
  assert_equal(values_of(critic.variables), values_of(lagged.variables))
  everything = [
    id(v)
    for network in (critic, target, lagged, agent._actor)
    for v in network.variables
  ]
  assert len(everything) == len(set(everything))


def test_trains_inside_a_function_without_autograph():
  # As TF-Agents' users do; their Learner is the one that has AutoGraph.
  search = cem.CemConfig(samples=4, elites=2, rounds=1)
  hand = by_hand(critic=plain(lag=2), target_cem=search)
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
    '_critic_optimizer',
    '_actor_optimizer',
    '_training_rng',
    '_practice_rng',
    '_lagged',
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
  hand = by_hand(act_with_target=act_with_target)
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
    critic=PLAIN,
  )
  values = q_values(agent, [0.1, -0.2], [3.0, 0.0])
  # Moves 3 and 0 of [0, 4] are .5 and -1 of [-1, 1]: 1 + 2 * .5 + 10 * .1 and
  # 1 - 2 * 1 - 10 * .2.
  np.testing.assert_allclose(values, [3.0, -3.0], rtol=1e-6)
  assert values.dtype == tf.float32


def test_a_value_under_cross_entropy_is_the_sigmoid_of_the_score():
  hand = by_hand(critic=agent_lib.CriticConfig(loss='cross_entropy'))
  hand.critic.set(slope=np.log(3))
  # 3 / (3 + 1), and 1 / (1 + 3).
  values = q_values(hand.agent, [0, 0], [1, -1])
  np.testing.assert_allclose(values, [0.75, 0.25], rtol=1e-6)


@pytest.mark.parametrize(
  ('act_with_target', 'value'), [(True, 2.0), (False, 1.0)]
)
def test_a_value_is_the_acting_critics(act_with_target, value):
  hand = by_hand(act_with_target=act_with_target)
  hand.critic.set(bias=1)
  hand.target.set(bias=2)
  hand.lagged.set(bias=3)
  np.testing.assert_array_equal(q_values(hand.agent, [0], [0]), [value])


def test_a_value_needs_one_action_for_each_observation():
  hand = by_hand()
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


# Configuration.


@pytest.mark.parametrize(
  ('make', 'wrong'),
  [
    (agent_lib.CriticConfig, {'loss': 'huber'}),
    (agent_lib.CriticConfig, {'tau': 0.0}),
    (agent_lib.CriticConfig, {'tau': 1.1}),
    (agent_lib.CriticConfig, {'gamma': -0.1}),
    (agent_lib.CriticConfig, {'gamma': 1.01}),
    (agent_lib.CriticConfig, {'lag': -1}),
    (agent_lib.ActorConfig, {'temperature': 0.0}),
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
