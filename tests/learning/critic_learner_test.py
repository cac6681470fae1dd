import numpy as np
import pytest

from awopt_agent import agent as agent_lib
from awopt_agent.learning import cem
from tests import fakes

# A search that stays within .05 of 0, so that a candidate can beat it.
NEAR_ZERO = cem.CemConfig(samples=4, elites=2, rounds=1, initial_std=0.01)


def target_of(hand, experience):
  return hand.agent.loss(experience).extra.target.numpy()


# The Bellman target.


@pytest.mark.parametrize(('discount', 'target'), [(1.0, 5.9), (0.0, 0.5)])
def test_a_truncated_end_bootstraps_and_a_terminal_one_does_not(
  discount, target
):
  hand = fakes.ByHand()
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
  hand = fakes.ByHand()
  experience = fakes.make_experience(move=[[0, 0]], reward=[[0, 0]])
  hand.target.set(bias=1, slope=1)
  # The first target chooses the move, 1, and values it at 2. The second says
  # 4 - 3 = 1 about that move, though its own best would be 4 + 3.
  hand.lagged.set(bias=4, slope=-3)
  np.testing.assert_allclose(target_of(hand, experience), 0.9, rtol=1e-6)
  hand.lagged.set(bias=4, slope=-1)  # 3, so the first one's 2 holds.
  np.testing.assert_allclose(target_of(hand, experience), 1.8, rtol=1e-6)


def test_without_a_lag_there_is_one_target_critic():
  hand = fakes.ByHand(critic=fakes.plain(lag=0))
  hand.target.set(bias=2)
  hand.lagged.set(bias=-50)
  experience = fakes.make_experience(move=[[0, 0]], reward=[[0, 0]])
  np.testing.assert_allclose(target_of(hand, experience), 1.8, rtol=1e-6)
  hand.agent.train(experience)
  assert hand.lagged.bias == -50


def test_the_online_critic_has_no_part_in_the_target():
  hand = fakes.ByHand()
  experience = fakes.make_experience(move=[[0, 0]], reward=[[0.25, 0]])
  hand.critic.set(bias=9, slope=9)
  np.testing.assert_allclose(target_of(hand, experience), 0.25)


def test_the_candidate_raises_the_target_where_it_beats_cem():
  experience = fakes.make_experience(move=[[0, 0]], reward=[[0, 0]])
  terms = {}
  for target in ('max_q_actor_candidate', 'max_q'):
    hand = fakes.ByHand(
      critic=fakes.plain(target=target),
      target_cem=NEAR_ZERO,
      actor_mean=0.8,
    )
    hand.target.set(bias=1, slope=2)
    hand.lagged.set(bias=100)
    terms[target] = hand.agent.loss(experience).extra
  # .9 * (1 + 2 * .8); CEM alone reaches .9 * (1 + 2 * .05) at most.
  np.testing.assert_allclose(
    terms['max_q_actor_candidate'].target, 2.34, rtol=1e-6
  )
  assert 0.8 < terms['max_q'].target < 0.99
  assert terms['max_q_actor_candidate'].candidate_share == 1
  assert terms['max_q'].candidate_share == 0


def test_a_poor_candidate_changes_nothing():
  experience = fakes.make_experience(move=[[0, 0]], reward=[[0, 0]])
  found = []
  for target in ('max_q_actor_candidate', 'max_q'):
    hand = fakes.ByHand(
      critic=fakes.plain(target=target),
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
  hand = fakes.ByHand(critic=fakes.plain(gamma=0.5), n_step=3)
  hand.target.set(x_slope=1)
  hand.lagged.set(bias=100)
  experience = fakes.make_experience(
    move=[[0] * 4], reward=[[1, 2, 4, 77]], x=[[70, 71, 72, 8]]
  )
  # 1 + 2/2 + 4/4 + 8/8.
  np.testing.assert_allclose(target_of(hand, experience), 4.0)


def test_three_steps_end_at_a_terminal_step():
  hand = fakes.ByHand(critic=fakes.plain(gamma=0.5), n_step=3)
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
  hand = fakes.ByHand(critic=fakes.plain(gamma=0.5), n_step=3)
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
  hand = fakes.ByHand(critic=fakes.plain(gamma=0.5), n_step=3)
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
  hand = fakes.ByHand()
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
  hand = fakes.ByHand(critic=agent_lib.CriticConfig(gamma=0.8))
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
  hand = fakes.ByHand(critic=agent_lib.CriticConfig(gamma=0.8))
  hand.critic.set(bias=np.log(3))
  experience = fakes.make_experience(move=[[0, 0]], reward=[[1, 0]])
  info = hand.agent.loss(experience).extra
  # 1 + .8 * .5 counts as 1: -ln .75.
  np.testing.assert_allclose(info.target, 1.4, rtol=1e-6)
  np.testing.assert_allclose(info.critic_loss, 0.287682, rtol=1e-5)


# Whose action the target values.


def one_step(**kwargs):
  return fakes.make_experience(move=[[0, 0]], reward=[[0, 0]], **kwargs)


def test_awacs_target_values_a_draw_of_the_actor():
  hand = fakes.ByHand(
    critic=fakes.plain(target='actor'), actor_mean=-0.5, actor_std=1e-6
  )
  hand.target.set(bias=1, slope=2)
  hand.lagged.set(bias=100)
  info = hand.agent.loss(one_step()).extra
  # .9 * (1 + 2 * -.5), though a move of 1 would be worth 3.
  np.testing.assert_allclose(info.target, 0.0, atol=1e-5)
  assert info.candidate_share == 0


def test_awacs_draws_differ_from_each_other():
  hand = fakes.ByHand(critic=fakes.plain(target='actor'), actor_std=0.5)
  hand.target.set(slope=1)
  hand.lagged.set(bias=100)
  assert len({float(target_of(hand, one_step())) for _ in range(5)}) == 5


def test_the_actors_mean_can_be_where_cem_begins():
  hand = fakes.ByHand(
    critic=fakes.plain(target='max_q_actor_mean'),
    target_cem=NEAR_ZERO,
    actor_mean=0.8,
  )
  hand.target.set(slope=1)
  hand.lagged.set(bias=100)
  info = hand.agent.loss(one_step()).extra
  # A search within .05 of .8, times .9; it never sees 0.
  assert 0.9 * 0.75 < info.target < 0.9 * 0.85
  assert info.candidate_share == 0


def test_algorithm_1_values_by_the_critic_itself():
  hand = fakes.ByHand(critic=fakes.plain(online_target=True))
  hand.critic.set(bias=1, slope=2)
  hand.target.set(bias=-7)
  hand.lagged.set(bias=-9)
  np.testing.assert_allclose(target_of(hand, one_step()), 0.9 * 3, rtol=1e-6)


def test_no_gradient_flows_through_an_online_target():
  hand = fakes.ByHand(
    critic=fakes.plain(online_target=True, learning_rate=0.01)
  )
  experience = fakes.make_experience(move=[[0, 0]], reward=[[1, 0]])
  hand.agent.train(experience)
  # Only the logged move's value rises: bias up, the slope of move 0 stays.
  np.testing.assert_allclose(hand.critic.numbers(), [0.01, 0, 0], rtol=1e-4)


def test_rewards_are_scaled():
  hand = fakes.ByHand(critic=fakes.plain(reward_scale=10.0))
  experience = fakes.make_experience(move=[[0, 0]], reward=[[0.5, 0]])
  np.testing.assert_allclose(target_of(hand, experience), 5.0)


def test_an_ensembles_least_member_counts():
  made = []

  def make_critic(observation_spec, action_size, *, seed, name):
    made.append(fakes.LinearCritic(name=name))
    return made[-1]

  agent = fakes.make_agent(
    fakes.MOVE_ONLY,
    critic=fakes.plain(ensemble=2, lag=0),
    critic_network=make_critic,
  )
  critics = {critic.name: critic for critic in made}
  assert len(critics) == 6
  critics['target_critic'].set(bias=2)
  critics['target_critic_1'].set(bias=1)
  critics['critic'].set(bias=3)
  critics['critic_1'].set(bias=5)
  info = agent.loss(one_step()).extra
  np.testing.assert_allclose(info.target, 0.9)
  np.testing.assert_allclose(info.value, 3.0)
  # Both learn: (3 - .9)^2 + (5 - .9)^2.
  np.testing.assert_allclose(info.critic_loss, 21.22, rtol=1e-5)


def test_members_of_an_ensemble_start_apart():
  agent = fakes.make_agent(critic=fakes.plain(ensemble=2))
  one, two = agent.critic_learner.critic.members
  for left, right in zip(one.variables, two.variables, strict=True):
    if 'kernel' in left.name:
      assert not np.array_equal(left, right)


def test_a_critic_that_does_not_learn_stays_as_it_is():
  agent = fakes.make_agent(critic=fakes.plain(learns=False), headline='actor')
  before = fakes.values_of(agent.critic_learner.variables)
  info = agent.train(fakes.random_experience(success=True)).extra
  fakes.assert_equal(fakes.values_of(agent.critic_learner.variables), before)
  assert info.critic_loss == 0


# The targets follow.


def test_the_first_target_follows_by_polyak_averages():
  hand = fakes.ByHand(critic=fakes.plain(tau=0.25, learning_rate=0.01, lag=100))
  hand.target.set(bias=4)
  hand.agent.train(fakes.make_experience(move=[[0, 0]], reward=[[1, 0]]))
  # The critic's bias went from 0 to .01: 4 + .25 * (.01 - 4).
  np.testing.assert_allclose(hand.critic.bias, 0.01, rtol=1e-4)
  np.testing.assert_allclose(hand.target.bias, 3.0025, rtol=1e-6)
  assert hand.lagged.bias == 0


def test_the_second_target_is_a_copy_of_the_first_every_lag_steps():
  hand = fakes.ByHand(critic=fakes.plain(lag=3, tau=0.1))
  experience = fakes.make_experience(move=[[0, 0]], reward=[[1, 0]])
  first, second = [], []
  for _ in range(7):
    hand.agent.train(experience)
    first.append(hand.target.bias.numpy())
    second.append(hand.lagged.bias.numpy())
  assert len(set(first)) == 7
  # Copied in steps 3 and 6.
  assert second == [0, 0, first[2], first[2], first[2], first[5], first[5]]


def test_targets_start_as_copies_and_share_no_variable():
  agent = fakes.make_agent()
  critic, target, lagged = (
    agent.critic_learner.critic,
    agent.critic_learner.target,
    agent.critic_learner.lagged,
  )
  fakes.assert_equal(
    fakes.values_of(critic.variables), fakes.values_of(target.variables)
  )
  fakes.assert_equal(
    fakes.values_of(critic.variables), fakes.values_of(lagged.variables)
  )
  everything = [
    id(v)
    for network in (critic, target, lagged, agent.actor_learner.actor)
    for v in network.variables
  ]
  assert len(everything) == len(set(everything))
