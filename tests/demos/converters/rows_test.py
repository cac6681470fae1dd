import numpy as np
import pytest

from awopt_agent.demos import reader, schema, writer
from awopt_agent.demos.converters import rows

OBSERVATION = np.array([[1.0], [2.0], [3.0]])
ACTION = np.array([[10], [20], [30]])
REWARD = np.array([0.0, 0.5, 1.0])


def build(**changes):
  parts = {'observation': OBSERVATION, 'action': ACTION, 'reward': REWARD}
  return rows.build_episode('file: demo_7', **{**parts, **changes})


def test_without_a_final_observation_the_last_action_leads_nowhere():
  episode = build()
  assert episode.num_steps == 3
  assert episode.steps['is_first'].tolist() == [True, False, False]
  assert episode.steps['is_last'].tolist() == [False, False, True]
  assert not episode.steps['is_terminal'].any()
  assert episode.steps['discount'].tolist() == [1, 1, 1]
  mapped = schema.episode_from_rows(episode.steps)
  assert mapped.length == 2  # Three observations, two transitions.


def test_a_final_observation_becomes_a_row_of_its_own():
  episode = build(final_observation=np.array([[4.0]]))
  np.testing.assert_array_equal(
    episode.steps['observation'], [[1], [2], [3], [4]]
  )
  np.testing.assert_array_equal(
    episode.steps['action'], [[10], [20], [30], [0]]
  )
  assert episode.steps['reward'].tolist() == [0, 0.5, 1, 0]
  assert episode.steps['discount'].tolist() == [1, 1, 1, 1]
  assert episode.steps['is_last'].tolist() == [False] * 3 + [True]
  assert not episode.steps['is_terminal'].any()


def test_a_terminal_end_keeps_its_last_reward():
  episode = build(is_terminal=True)
  # The last observation stands twice, and nothing reads it there.
  np.testing.assert_array_equal(
    episode.steps['observation'], [[1], [2], [3], [3]]
  )
  assert episode.steps['discount'].tolist() == [1, 1, 0, 0]
  assert episode.steps['is_terminal'].tolist() == [False] * 3 + [True]
  mapped = schema.episode_from_rows(episode.steps)
  assert mapped.reward.tolist() == [0, 0.5, 1, 0]
  assert mapped.is_terminal and mapped.success  # 1.5 in all.


def test_types_are_kept_but_rewards_of_whole_numbers_become_floats():
  episode = build(reward=np.array([0, 0, 1]))
  assert episode.steps['reward'].dtype == np.float32
  assert build().steps['reward'].dtype == np.float64
  assert episode.steps['observation'].dtype == np.float64
  assert episode.steps['action'].dtype == ACTION.dtype


def test_rewards_in_a_column_are_flattened():
  assert build(reward=REWARD[:, None]).steps['reward'].shape == (3,)


def test_without_rewards_the_field_is_left_out():
  assert 'reward' not in build(reward=None).steps


def test_further_fields_stand_in_the_last_row_as_before():
  extras = {
    'done': np.array([False, False, True]),
    'note': np.array(['a', 'b', 'c'], object),
    'infos': {'energy': np.array([1, 2, 3, 4])},
  }
  steps = build(is_terminal=True, extras=extras).steps
  assert steps['done'].tolist() == [False, False, True, True]
  assert steps['note'].tolist() == ['a', 'b', 'c', 'c']
  assert steps['infos']['energy'].tolist() == [1, 2, 3, 4]


def test_text_and_byte_order_become_what_can_be_stored(tmp_path):
  episode = build(
    observation=OBSERVATION.astype('>f8'),
    extras={'note': np.array(['a', 'bc', 'd'])},
    metadata={'names': np.array([b'x', b'yz']), 'count': np.int64(3)},
  )
  folder = writer.write_stored([episode], str(tmp_path / 'text_demos'))
  (stored,) = reader.read_stored(folder)
  assert stored.steps['observation'].tolist() == [[1], [2], [3]]
  assert stored.steps['observation'].dtype == np.float64
  assert stored.steps['note'].tolist() == [b'a', b'bc', b'd']
  assert stored.metadata['names'].tolist() == [b'x', b'yz']
  assert stored.metadata['count'] == 3


def test_a_single_action_needs_what_followed_it():
  one = {
    'observation': OBSERVATION[:1],
    'action': ACTION[:1],
    'reward': REWARD[:1],
  }
  with pytest.raises(schema.BadEpisodeError, match='nothing is known of what'):
    build(**one)
  assert build(**one, is_terminal=True).num_steps == 2
  assert build(**one, final_observation=OBSERVATION[1:2]).num_steps == 2


@pytest.mark.parametrize(
  'changes, message',
  [
    ({'observation': OBSERVATION[:2]}, 'observation has 2 rows.*action has 3'),
    ({'observation': {'a': OBSERVATION[:1]}}, 'observation/a has 1 rows'),
    ({'observation': {}}, 'observation is empty'),
    ({'action': ACTION[:0]}, 'action has no rows'),
    ({'reward': np.zeros((3, 2))}, r'reward has shape \[3, 2\]'),
    ({'extras': {'note': np.zeros(5)}}, 'note has 5 rows'),
    ({'extras': {'discount': np.ones(3)}}, "field 'discount' of its own"),
    ({'extras': {'x': np.array([{}, 1, 2], object)}}, 'x holds neither'),
    ({'metadata': {'x': np.array(None)}}, 'x holds neither'),
    ({'final_observation': np.zeros((1, 2))}, 'last observation has other'),
  ],
)
def test_what_does_not_fit_is_named_in_one_line(changes, message):
  with pytest.raises(schema.BadEpisodeError, match=message) as raised:
    build(**changes)
  assert str(raised.value).startswith('file: demo_7: ')
  assert len(str(raised.value).splitlines()) == 1
