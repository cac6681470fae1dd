import pytest

from awopt_agent.train import train_config
from awopt_agent.train.roles import config, flow


@pytest.fixture(name='held')
def _held():
  """Two learner steps an environment step; either may lead by 100 of those."""
  return flow.Flow(
    train_config.TrainConfig(
      demonstrations='unused',
      pretrain_steps=50,
      practice_episodes=30,
      replay_ratio=2.0,
    ),
    config.RolesConfig(max_lead_steps=100),
  )


def counters(steps=0, episodes=0):
  return {'steps': steps, 'episodes': episodes}


def test_learner_steps_follow_practice(held):
  # 50 of pre-training, and two for each of 10 environment steps.
  assert held.learner_steps_due(counters(steps=10)) == 70


def test_the_learner_may_lead(held):
  # 200 learner steps are 100 environment steps' worth.
  assert held.learner_steps_allowed(counters(steps=10)) == 270


def test_the_learner_does_not_lead_at_the_end(held):
  assert held.learner_steps_allowed(counters(steps=10, episodes=30)) == 70


def test_the_run_is_learnt_when_both_are_done(held):
  assert not held.is_learnt(counters(steps=10, episodes=29), 1000)
  assert not held.is_learnt(counters(steps=10, episodes=30), 69)
  assert held.is_learnt(counters(steps=10, episodes=30), 70)


def test_nobody_practises_before_pre_training_is_over(held):
  assert not held.may_practise(counters(), 49)
  assert held.may_practise(counters(), 50)


def test_practice_may_lead(held):
  # 60 steps after pre-training are 30 environment steps' worth.
  assert held.may_practise(counters(steps=130), 110)
  assert not held.may_practise(counters(steps=131), 110)


def test_nobody_practises_more_than_enough(held):
  assert not held.may_practise(counters(episodes=30), 1000)


def test_one_of_both_can_always_go_on(held):
  for steps in range(0, 400, 7):
    for step in range(50, 900, 13):
      here = counters(steps=steps)
      practise = held.may_practise(here, step)
      assert practise or held.learner_steps_allowed(here) > step


@pytest.mark.parametrize('ratio', [0.001, 0.03, 0.4, 1.0, 7.0])
@pytest.mark.parametrize('lead', [1, 3, 100])
def test_one_of_both_can_go_on_however_short_the_lead(ratio, lead):
  held = flow.Flow(
    train_config.TrainConfig(
      demonstrations='unused',
      pretrain_steps=50,
      practice_episodes=30,
      replay_ratio=ratio,
    ),
    config.RolesConfig(max_lead_steps=lead),
  )
  for steps in range(300):
    here = counters(steps=steps)
    for step in range(50, 100):
      # The learner takes all of its lead at once, or waits.
      left = held.learner_steps_allowed(here) - step
      assert left >= held.learner_lead or held.may_practise(here, step)
