import numpy as np
import pytest
from tf_agents.trajectories import time_step as ts

from awopt_agent.demos import schema
from tests.demos import fakes


def _rows(**changes):
  """RLDS rows of an episode of 3 transitions that ends in success."""
  rows = {
    'observation': np.arange(4.0),
    'action': np.arange(4.0),
    'reward': np.array([0, 0, 1, 7], np.float32),
    'discount': np.ones(4, np.float32),
    'is_first': np.array([1, 0, 0, 0], bool),
    'is_last': np.array([0, 0, 0, 1], bool),
    'is_terminal': np.array([0, 0, 0, 1], bool),
  }
  rows.update(changes)
  return {name: value for name, value in rows.items() if value is not None}


def _time_steps(discount):
  return [
    ts.restart({'x': np.float32(0)}),
    ts.transition({'x': np.float32(1)}, np.float32(0.25)),
    ts.transition({'x': np.float32(2)}, np.float32(0.5), np.float32(discount)),
  ]


ACTIONS = [{'a': np.float32([3])}, {'a': np.float32([4])}]


def test_the_return_decides_about_success():
  assert schema.is_success(np.array([0, 0, 1]))
  assert not schema.is_success(np.array([0, 0, 0.49]))
  assert schema.is_success(np.array([0.2, 0.2, 0.1]))
  assert not schema.is_success(np.array([1, 1, -1]), success_threshold=1.5)
  assert schema.is_success(np.array([-3.0]), success_threshold=-3)


def test_time_steps_become_rows_with_the_reward_of_their_action():
  episode = schema.episode_from_time_steps(_time_steps(0), ACTIONS)
  np.testing.assert_array_equal(episode.observation['x'], [0, 1, 2])
  np.testing.assert_array_equal(episode.action['a'], [[3], [4], [0]])
  np.testing.assert_array_equal(episode.reward, [0.25, 0.5, 0])
  np.testing.assert_array_equal(episode.discount, [1, 0, 0])
  assert (episode.length, episode.is_terminal, episode.success) == (
    2,
    True,
    True,
  )


def test_an_end_with_discount_is_a_truncation():
  episode = schema.episode_from_time_steps(
    _time_steps(1), ACTIONS, success_threshold=0.8
  )
  assert not episode.is_terminal
  assert not episode.success
  np.testing.assert_array_equal(episode.discount, [1, 1, 0])


@pytest.mark.parametrize('count', [0, 1, 3])
def test_time_steps_need_one_action_less(count):
  with pytest.raises(ValueError, match=f'got {count} actions and 3 time'):
    schema.episode_from_time_steps(_time_steps(0), (ACTIONS * 2)[:count])


@pytest.mark.parametrize('is_terminal', [True, False])
@pytest.mark.parametrize('success', [True, False])
def test_rows_give_the_episode_back(is_terminal, success):
  episode = fakes.make_episode(5, success=success, is_terminal=is_terminal)
  rows = schema.rows_from_episode(episode)
  np.testing.assert_array_equal(rows['is_first'], [1, 0, 0, 0, 0, 0])
  np.testing.assert_array_equal(rows['is_last'], [0, 0, 0, 0, 0, 1])
  assert rows['is_terminal'].tolist() == [False] * 5 + [is_terminal]
  fakes.assert_same(schema.episode_from_rows(rows), episode)


def test_what_the_last_row_says_of_reward_means_nothing():
  rows = _rows(reward=np.array([0, 0, 0, 1], np.float32))
  assert not schema.episode_from_rows(rows).success
  rows = _rows(reward=np.array([0, 0, 1, np.nan], np.float32))
  assert schema.episode_from_rows(rows).success


def test_a_terminal_end_stops_the_value_whatever_is_stored():
  episode = schema.episode_from_rows(_rows())
  np.testing.assert_array_equal(episode.discount, [1, 1, 0, 0])
  episode = schema.episode_from_rows(_rows(discount=None))
  np.testing.assert_array_equal(episode.discount, [1, 1, 0, 0])


def test_last_without_terminal_is_a_truncation():
  episode = schema.episode_from_rows(_rows(is_terminal=np.zeros(4, bool)))
  assert not episode.is_terminal
  np.testing.assert_array_equal(episode.discount, [1, 1, 1, 0])


def test_without_any_end_the_recording_was_cut():
  rows = _rows(is_last=None, is_terminal=None)
  episode = schema.episode_from_rows(rows)
  assert not episode.is_terminal
  assert episode.length == 3


@pytest.mark.parametrize(
  'changes, message',
  [
    ({'reward': None}, "no field 'reward', only .*; convert"),
    ({'observation': None}, "no field 'observation'"),
    ({'action': None}, "no field 'action'"),
    ({'reward': np.ones((4, 1))}, r'reward has shape \(4, 1\)'),
    ({'reward': np.ones(1)}, r'reward has shape \(1,\).*at least 2 steps'),
    ({'reward': np.array([0, np.nan, 0, 0])}, 'reward is not finite'),
    ({'discount': np.ones(3)}, r'discount has shape \(3,\), not \(4,\)'),
    (
      {'is_last': np.array([0, 1, 0, 1], bool)},
      'is_last is set at step 1 of 4.*split',
    ),
    (
      {'is_terminal': np.array([0, 0, 1, 1], bool)},
      'is_terminal is set at step 2 of 4',
    ),
    (
      {
        'is_terminal': np.zeros(4, bool),
        'discount': np.array([1, 1, 0, 0]),
      },
      'last discount is 0, but is_terminal is not set; set',
    ),
  ],
)
def test_names_the_episode_and_what_is_wrong_in_one_line(changes, message):
  with pytest.raises(ValueError, match=f'^episode 5: .*{message}') as raised:
    schema.episode_from_rows(_rows(**changes), index=5)
  assert len(str(raised.value).splitlines()) == 1
