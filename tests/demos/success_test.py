import numpy as np
import pytest

from awopt_agent.demos import schema, success

DOOR = schema.StoredEpisode(
  {
    'observation': np.array([[0.0], [1.2], [0.4]]),
    'name': np.array([b'a'] * 3),
  },
  {'success': np.bool_(False)},
)
REWARDS = np.array([0.75, 0.5])


def opened(episode):
  return episode.steps['observation'][1, 0] > 1


def _succeeds(rule, when='ever', threshold=1.0):
  return success.make_rule(rule, when, threshold)(DOOR, REWARDS, 0)


def test_a_return_reaches_a_threshold():
  # .75 + .5 = 1.25
  assert _succeeds('return', threshold=1.25)
  assert not _succeeds('return', threshold=1.26)


def test_a_last_reward_reaches_a_threshold():
  assert _succeeds('last_reward', threshold=0.5)
  assert not _succeeds('last_reward', threshold=0.75)


def test_all_are_successes_where_they_were_chosen_by_hand():
  assert _succeeds('all', threshold=9.0)


def test_a_field_says_so_at_any_step_or_at_the_last():
  assert _succeeds('observation[0] >= 1', 'ever')
  assert not _succeeds('observation[0] >= 1', 'end')
  assert _succeeds('observation[0] >= 0.4', 'end')


def test_an_episode_says_so_itself():
  assert not _succeeds('episode/success')


def test_a_function_or_its_name_decides():
  assert _succeeds(opened)
  assert _succeeds('tests.demos.success_test:opened')


@pytest.mark.parametrize('name', ['no_module:f', 'tests.demos.success_test:no'])
def test_a_function_that_does_not_exist_is_named(name):
  with pytest.raises(ValueError, match=name) as raised:
    _succeeds(name)
  assert 'module:function' in str(raised.value)


def fail(episode):
  raise KeyError('zzz')


def test_a_function_that_fails_is_named_with_the_episode():
  with pytest.raises(ValueError, match='fail failed on episode 0: KeyError'):
    _succeeds(fail)


def test_a_rule_of_another_kind_is_refused():
  with pytest.raises(ValueError, match='must be a rule, .* got 3'):
    _succeeds(3)


def test_the_last_reward_stands_before_the_last_row():
  steps = {'reward': np.array([0.0, 1.0, 0.0])}
  episode = schema.StoredEpisode(steps, {})
  rule = success.make_rule('reward > 0.5', 'end', 0.0)
  assert rule(episode, steps['reward'][:-1], 0)


def test_an_unknown_moment_is_refused():
  with pytest.raises(ValueError, match='ever, end'):
    _succeeds('all', 'sometimes')


@pytest.mark.parametrize(
  'rule, named', [('observation', r'\[1\]'), ('name', 'S1')]
)
def test_a_field_that_is_no_number_a_step_is_refused(rule, named):
  with pytest.raises(ValueError, match=named):
    _succeeds(rule)
