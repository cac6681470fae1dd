import numpy as np
import pytest
import tensorflow as tf

from awopt_agent import statistics
from awopt_agent.train import evaluation, stopping, train_config
from tests.envs import fakes as env_fakes
from tests.train import fakes


def _evaluate(env, episodes, act=fakes.succeed_in_even_episodes, **kwargs):
  return evaluation.Evaluator(env, seed=500, **kwargs).evaluate(act, episodes)


@pytest.mark.parametrize(
  'episodes, successes',
  [
    # The three environments run episodes 0 to 2, 0 and 1, and 0 and 1; the
    # even ones succeed.
    (7, 2 + 1 + 1),
    (3, 3),
    (6, 3),
    (1, 1),
  ],
)
def test_each_environment_has_a_fixed_share(episodes, successes):
  rate = _evaluate(env_fakes.make_vector_env(3), episodes)
  assert rate == statistics.SuccessRate(successes, episodes)


def test_long_and_short_episodes_count_alike():
  # Three of four: episode 2, the longest (4 steps), fails.
  def act(step):
    return {
      'move': np.where(env_fakes.episode_of(step) == 2, -1.0, 1.0)[
        :, np.newaxis
      ]
    }

  assert _evaluate(env_fakes.make_vector_env(1), 4, act).successes == 3


def test_each_policy_meets_the_same_episodes():
  env = env_fakes.make_vector_env(2, first_seed=3)
  evaluator = evaluation.Evaluator(env, seed=500)
  met = []

  def watch(step):
    met[-1].append((step.is_first().tolist(), env.get_state()))
    return fakes.succeed_in_even_episodes(step)

  for _ in range(2):
    met.append([])
    evaluator.evaluate(watch, 5)
  assert met[0] == met[1]
  assert [state['seed'] for state in met[0][0][1]] == [500, 501]


def test_a_request_to_stop_ends_an_evaluation_and_gives_the_episodes_back():
  env = env_fakes.make_vector_env(2, first_seed=3)
  env.reset()
  before = env.get_state()
  evaluator = evaluation.Evaluator(env, seed=500, stop_requested=lambda: True)
  with pytest.raises(stopping.Stopped):
    evaluator.evaluate(fakes.succeed_in_even_episodes, 5)
  assert env.get_state() == before


def test_practice_goes_on_with_the_episodes_it_would_have_had():
  env = env_fakes.make_vector_env(2, first_seed=3)
  env.reset()
  before = env.get_state()
  _evaluate(env, 9)
  assert env.get_state() == before
  assert env_fakes.episode_of(env.reset()).tolist() == [1, 1]


def test_the_state_comes_back_even_if_the_policy_fails():
  env = env_fakes.make_vector_env(2)
  before = env.get_state()
  with pytest.raises(ZeroDivisionError):
    _evaluate(env, 4, lambda step: 1 / 0)
  assert env.get_state() == before


def test_the_threshold_decides():
  def act(step):
    return {'move': np.ones((1, 1), np.float32)}

  env = env_fakes.make_vector_env(1)
  assert _evaluate(env, 3, act, success_threshold=1.0).successes == 3
  assert _evaluate(env, 3, act, success_threshold=1.5).successes == 0


def test_a_policy_becomes_a_function_of_arrays():
  agent = fakes.make_agent()
  env = env_fakes.make_vector_env(2)
  act = evaluation.as_function(agent.policies['actor'])
  step = env.reset()
  action = act(step)
  assert isinstance(action['move'], np.ndarray)
  expected = agent.policies['actor'].action(
    tf.nest.map_structure(tf.convert_to_tensor, step)
  )
  np.testing.assert_array_equal(action['move'], expected.action['move'])


@pytest.mark.parametrize(
  'changes, episodes, kinds',
  [
    ({}, 0, ['actor', 'cem', 'cem_with_candidate']),
    ({'eval_headline_only': True}, 0, ['actor']),
    ({'eval_headline_only': True}, 1, ['cem_with_candidate']),
    ({'offline': True, 'eval_headline_only': True}, 0, []),
  ],
)
def test_all_policies_are_evaluated_or_the_one_that_is_judged(
  changes, episodes, kinds
):
  config = train_config.TrainConfig(
    demonstrations='unused', pretrain_steps=1, practice_episodes=0, **changes
  )
  policies = ['actor', 'cem', 'cem_with_candidate']
  found = evaluation.kinds(policies, 'cem_with_candidate', config, episodes)
  assert found == kinds


def test_without_an_actor_the_headline_is_judged_offline_too():
  assert evaluation.judged(['cem'], 'cem', 0) == 'cem'
