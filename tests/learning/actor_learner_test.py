import numpy as np
import pytest
import tensorflow as tf

from awopt_agent import agent as agent_lib
from tests import fakes

# The actor's loss. N(.5; 0, .5) has z = 1: -log is .5 + .225792 = .725792.


def actor_info(hand, **kwargs):
  kwargs = {'move': [[0.5, 0]], 'reward': [[0, 0]], 'success': True, **kwargs}
  return hand.agent.loss(fakes.make_experience(**kwargs)).extra


@pytest.mark.parametrize('samples', [0, 1, 3])
def test_the_actor_is_weighted_by_the_target_critics_advantage(samples):
  config = agent_lib.ActorConfig(baseline_samples=samples, temperature=0.05)
  # So narrow that all samples are the mode.
  hand = fakes.ByHand(actor=config, actor_std=1e-6, actor_mean=0.5)
  hand.critic.set(slope=77)
  hand.target.set(slope=0.1)
  info = actor_info(hand, move=[[1.0, 0]])
  # .1 * (1 - .5) is one temperature: e.
  np.testing.assert_allclose(info.advantage, 0.05, rtol=1e-4)
  np.testing.assert_allclose(info.weight, 2.718282, rtol=1e-3)


def test_the_baseline_is_the_mean_value_of_samples():
  config = agent_lib.ActorConfig(baseline_samples=4000)
  hand = fakes.ByHand(actor=config, actor_std=0.1, actor_mean=0.2)
  hand.target.set(slope=1)
  info = actor_info(hand)
  # .5 - .2, to 5 standard errors: 5 * .1 / sqrt(4000) = .008.
  np.testing.assert_allclose(info.advantage, 0.3, atol=0.008)


def test_the_actors_loss_is_the_weighted_likelihood():
  hand = fakes.ByHand(
    actor=agent_lib.ActorConfig(baseline_samples=0, temperature=0.05)
  )
  hand.target.set(slope=0.1)
  # e * .725792.
  np.testing.assert_allclose(actor_info(hand).actor_loss, 1.972908, rtol=1e-5)


def test_a_higher_temperature_weighs_less():
  hand = fakes.ByHand(
    actor=agent_lib.ActorConfig(baseline_samples=0, temperature=0.5)
  )
  hand.target.set(slope=0.1)
  np.testing.assert_allclose(actor_info(hand).weight, np.exp(0.1), rtol=1e-5)


def test_an_enormous_advantage_is_capped():
  hand = fakes.ByHand(
    actor=agent_lib.ActorConfig(baseline_samples=0, max_weight=20.0)
  )
  hand.target.set(slope=2e6)
  info = actor_info(hand)
  np.testing.assert_allclose(info.weight, 20.0, rtol=1e-5)
  np.testing.assert_allclose(info.actor_loss, 14.51584, rtol=1e-5)  # * .725792


def test_only_successes_teach_the_actor():
  hand = fakes.ByHand(actor=agent_lib.ActorConfig(baseline_samples=0))
  both = {'move': [[0.5, 0], [-1, 0]], 'reward': [[0, 0]] * 2}
  info = actor_info(hand, **both, success=[[True], [False]])
  np.testing.assert_allclose(info.actor_loss, 0.725792, rtol=1e-5)
  np.testing.assert_allclose(info.success_share, 0.5)


def test_without_the_filter_failures_teach_the_actor_too():
  hand = fakes.ByHand(
    actor=agent_lib.ActorConfig(baseline_samples=0, success_filter=False)
  )
  both = {'move': [[0.5, 0], [-1, 0]], 'reward': [[0, 0]] * 2}
  info = actor_info(hand, **both, success=[[True], [False]])
  # z = 2 at -1: 2 + .225792; the mean of .725792 and 2.225792.
  np.testing.assert_allclose(info.actor_loss, 1.475792, rtol=1e-5)


def test_a_batch_without_success_leaves_the_actor_alone():
  hand = fakes.ByHand()
  hand.target.set(slope=2e6)
  experience = fakes.make_experience(
    move=[[0.5, 0], [-1, 0]], reward=[[1, 0], [0, 0]], success=False
  )
  before = fakes.values_of(hand.actor.variables)
  with tf.GradientTape() as tape:
    info = hand.agent.loss(experience).extra
  assert info.actor_loss == 0
  assert info.weight == 0
  gradient = tape.gradient(info.actor_loss, hand.actor.mean)
  np.testing.assert_array_equal(gradient, [0.0])
  hand.agent.train(experience)
  fakes.assert_equal(fakes.values_of(hand.actor.variables), before)


def test_a_softmax_weighs_within_the_batch():
  config = agent_lib.ActorConfig(
    baseline_samples=0, temperature=0.1, weights='softmax'
  )
  hand = fakes.ByHand(actor=config)
  hand.target.set(slope=0.2)
  info = actor_info(
    hand, move=[[0.5, 0], [0, 0]], reward=[[0, 0], [0, 0]], success=True
  )
  # Advantages .1 and 0: weights 2 e / (e + 1) and 2 / (e + 1) of -log
  # .725792 and .225792: (1.462117 * .725792 + .537883 * .225792) / 2.
  np.testing.assert_allclose(info.actor_loss, 0.591321, rtol=1e-5)
  np.testing.assert_allclose(info.weight, 1.0, rtol=1e-6)


def test_cloning_weighs_all_alike():
  hand = fakes.ByHand(actor=agent_lib.ActorConfig(weights='one'))
  hand.target.set(slope=100)
  info = actor_info(hand)
  np.testing.assert_allclose(info.actor_loss, 0.725792, rtol=1e-5)
  assert info.weight == 1


def test_an_actor_that_does_not_learn_stays_as_it_is():
  hand = fakes.ByHand(actor=agent_lib.ActorConfig(learns=False), headline='cem')
  before = fakes.values_of(hand.agent.actor_learner.variables)
  info = hand.agent.train(
    fakes.make_experience(move=[[0.5, 0]], reward=[[1, 0]], success=True)
  ).extra
  fakes.assert_equal(
    fakes.values_of(hand.agent.actor_learner.variables), before
  )
  assert info.actor_loss == 0
  assert hand.critic.bias != 0
