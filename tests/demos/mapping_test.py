import numpy as np
import pytest

from awopt_agent.demos import mapping, schema


def _stored(rows=4, metadata=None, **steps):
  """An episode of somebody else: float64, int64, text, no flags."""
  return schema.StoredEpisode(
    {
      'observation': {
        'pose': np.linspace(0, 1, 2 * rows).reshape(rows, 2),
        'image': np.zeros((rows, 4, 4, 3), np.uint8),
        'task': np.array([b'open'] * rows),
        'embedding': np.ones((rows, 8), np.float32),
      },
      'action': np.tile([[0.5, -3.0, 2.0]], (rows, 1)),
      'reward': np.zeros(rows),
      'discount': np.ones(rows, np.int32),
      **steps,
    },
    metadata or {},
  )


def _map(stored, **kwargs):
  return mapping.EpisodeMapper(mapping.Mapping(**kwargs))(stored)


def test_numbers_become_ours_and_text_is_left_out():
  episode = _map(_stored(bits=np.ones((4, 2), bool)), drop=['*/embedding'])
  assert set(episode.observation) == {'pose', 'image'}
  assert episode.observation['pose'].dtype == np.float32
  assert episode.observation['image'].dtype == np.uint8
  assert episode.action.dtype == episode.reward.dtype == np.float32
  assert episode.discount.tolist() == [1, 1, 1, 0]
  assert not episode.is_terminal


def test_fields_get_new_names_parts_and_comparisons():
  episode = _map(
    _stored(),
    observation={'x': 'observation/pose[0:1]'},
    action={'move': 'action[0:2]', 'close': 'action[2] > 1'},
  )
  np.testing.assert_allclose(
    episode.observation['x'][:, 0], [0, 2 / 7, 4 / 7, 6 / 7], rtol=1e-6
  )
  assert episode.action['move'].shape == (4, 2)
  assert episode.action['close'].tolist() == [1] * 4
  assert episode.action['close'].dtype == np.int32


def test_actions_are_cut_on_request_and_that_is_reported():
  mapper = mapping.EpisodeMapper(mapping.Mapping(action_fit='clip'))
  assert mapper(_stored()).action[0].tolist() == [0.5, -1, 1]
  # Three transitions with three numbers each; -3 is 2 too low.
  assert str(mapper.report) == '6 of 9 action values were cut, by 2 at most'


def test_actions_are_rescaled_on_request():
  mapper = mapping.EpisodeMapper(
    mapping.Mapping(action_fit='rescale', action_range=(-3, [1, 1, 3]))
  )
  # (.5 + 3) / 4 * 2 - 1 = .75; -3 is the low end; (2 + 3) / 6 * 2 - 1 = 2/3.
  np.testing.assert_allclose(
    mapper(_stored()).action[0], [0.75, -1, 2 / 3], rtol=1e-6
  )
  assert str(mapper.report) == 'no action was cut'


def test_parts_of_an_action_have_ranges_of_their_own():
  episode = _map(
    _stored(),
    action={'a': 'action[0:1]', 'b': 'action[1:2]', 'c': 'action[2] > 1'},
    action_fit='clip',
    action_range={'b': (-2, 2)},
  )
  first = {name: part[0].tolist() for name, part in episode.action.items()}
  assert first == {'a': [0.5], 'b': [-2], 'c': 1}


def test_actions_are_kept_as_they_are_by_default():
  assert _map(_stored()).action[0].tolist() == [0.5, -3, 2]


def test_a_success_can_be_the_reward():
  episode = _map(_stored(), reward='success', success='all')
  assert episode.reward.tolist() == [0, 0, 1, 0]
  assert episode.discount.tolist() == [1, 1, 0, 0]
  assert episode.is_terminal and episode.success


def test_a_failure_has_no_reward_and_does_not_end():
  rule = 'observation/pose[1] > 2'
  episode = _map(_stored(), reward='success', success=rule)
  assert not episode.reward.any()
  assert not episode.is_terminal and not episode.success


def test_a_threshold_of_the_mapping_goes_before_the_runs():
  stored = _stored(reward=np.array([0.2, 0.2, 0.0, 0.0]))
  assert not _map(stored).success
  assert _map(stored, success_threshold=0.4).success


def test_padding_behind_the_last_step_is_cut_on_request():
  padded = _stored(is_last=np.array([False, False, True, False]))
  assert _map(padded, cut_after_last=True).length == 2
  with pytest.raises(schema.BadEpisodeError, match='before the end'):
    _map(padded)


def test_episodes_that_their_set_marks_invalid_are_refused():
  with pytest.raises(schema.BadEpisodeError, match='marked invalid'):
    _map(_stored(metadata={'invalid': np.bool_(True)}))


def test_a_missing_reward_is_named_with_the_remedy():
  stored = _stored()
  del stored.steps['reward']
  with pytest.raises(schema.BadEpisodeError, match='Mapping.reward'):
    _map(stored)
  assert _map(stored, reward='success', success='all').reward[-2] == 1


def test_a_missing_discount_is_1():
  stored = _stored()
  del stored.steps['discount']
  assert _map(stored).discount.tolist() == [1, 1, 1, 0]


def test_an_episode_of_one_step_is_refused():
  with pytest.raises(schema.BadEpisodeError, match='at least 2 steps'):
    _map(_stored(rows=1))


def test_text_alone_is_refused():
  with pytest.raises(schema.BadEpisodeError, match='text cannot be learnt'):
    _map(_stored(), observation='observation/task')


@pytest.mark.parametrize(
  'changes, named',
  [
    ({'action_fit': 'squash'}, 'keep, clip, rescale'),
    ({'action_fit': 'rescale'}, 'needs Mapping.action_range'),
    ({'drop': 'observation'}, 'list of patterns'),
    ({'success': 'reward =='}, 'names no field'),
    ({'success_when': 'never'}, 'ever, end'),
  ],
)
def test_a_mapping_that_cannot_be_is_refused(changes, named):
  with pytest.raises(ValueError, match=named):
    mapping.Mapping(**changes)


@pytest.mark.parametrize(
  'ends',
  [(1, 1), (0.5, -0.5), 5, (1, 2, 3), (0, np.inf), {'a': (1, 0)}, ([0, 2], 1)],
)
def test_a_range_that_is_none_is_refused(ends):
  with pytest.raises(ValueError, match='pair of finite numbers'):
    mapping.Mapping(action_fit='clip', action_range=ends)


def test_a_range_of_actions_that_are_kept_is_refused():
  with pytest.raises(ValueError, match='no effect on actions that are kept'):
    mapping.Mapping(action_range=(-1, 1))


@pytest.mark.parametrize(
  'action, ends, named',
  [
    ('action', ([-1, -1], 1), r'\[2\] numbers for action, of shape \[3\]'),
    ('action', {'a': (-1, 1)}, 'has a, but action has no parts'),
    ({'a': 'action[0:1]'}, {'b': (-1, 1)}, 'names b, but action has a'),
  ],
)
def test_a_range_that_does_not_fit_the_action_is_refused(action, ends, named):
  with pytest.raises(ValueError, match=named):
    _map(_stored(), action=action, action_fit='clip', action_range=ends)


def test_nested_actions_are_cut_too():
  stored = _stored(action={'arm': {'a': np.full((4, 1), 3.0)}})
  assert _map(stored, action_fit='clip').action['arm']['a'][0] == 1


def test_numbers_beyond_int32_are_refused():
  stored = _stored()
  stored.steps['observation']['t'] = np.array([0, 10**10, 1, 2])
  with pytest.raises(schema.BadEpisodeError, match='observation/t .*beyond'):
    _map(stored)


@pytest.mark.parametrize(
  'changes, named',
  [
    ({'is_first': np.array([True, False, True, False])}, 'is_first .* step 2'),
    ({'discount': np.array([1, np.nan, 1, 1])}, 'discount must lie in'),
    ({'discount': np.array([1, 0, 1, 1])}, 'be 0 at the end alone'),
    ({'reward': np.array([b'a'] * 4)}, 'reward holds .* not numbers'),
  ],
)
def test_what_would_join_end_or_spoil_transitions_is_refused(changes, named):
  with pytest.raises(schema.BadEpisodeError, match=named):
    _map(_stored(**changes))


def test_without_flags_a_discount_of_0_marks_a_terminal_end():
  episode = _map(_stored(discount=np.array([1, 1, 0, 0])))
  assert episode.is_terminal
  assert episode.discount.tolist() == [1, 1, 0, 0]


def test_a_hole_is_not_counted_as_cut():
  mapper = mapping.EpisodeMapper(mapping.Mapping(action_fit='clip'))
  mapper(_stored(action=np.array([[np.nan], [3], [0], [9]])))
  assert str(mapper.report) == '1 of 3 action values were cut, by 2 at most'
