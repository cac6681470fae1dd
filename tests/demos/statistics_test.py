import numpy as np

from awopt_agent.demos import mapping, schema, statistics
from tests.demos import fakes


def _stored(episode):
  return schema.StoredEpisode(schema.rows_from_episode(episode), {})


def _summarize(*stored):
  mapper = mapping.EpisodeMapper(mapping.Mapping())

  def outcome(episode, index):
    try:
      return mapper(episode, index)
    except schema.BadEpisodeError as error:
      return error

  return statistics.summarize(
    (episode, outcome(episode, k)) for k, episode in enumerate(stored)
  )


def _summary():
  return _summarize(
    _stored(fakes.make_episode(2)),
    _stored(fakes.make_episode(6, success=False, is_terminal=False)),
  )


def test_counts_episodes_and_their_ends():
  summary = _summary()
  assert summary.lengths == [2, 6]
  assert (summary.successes, summary.terminals) == (1, 1)
  assert summary.refused == []


def test_what_cannot_be_learnt_from_is_counted_apart():
  bad = _stored(fakes.make_episode(2))
  bad.steps['is_last'][0] = True
  summary = _summarize(_stored(fakes.make_episode(3)), bad)
  assert summary.lengths == [3]
  assert len(summary.refused) == 1
  assert str(summary).startswith('refused   1; the first: episode 1: is_last')


def test_finds_shape_type_and_range_of_each_field():
  fields = _summary().fields
  assert sorted(fields) == [
    'action/move',
    'action/stop',
    'discount',
    'observation/clock',
    'observation/place',
    'reward',
  ]
  clock = fields['observation/clock']
  assert clock == statistics.FieldSummary((), 'float32', 0.0, 6.0)
  assert fields['observation/place'].shape == (2,)
  assert fields['action/stop'].dtype == 'int32'


def test_ignores_what_means_nothing_in_a_last_row():
  episode = fakes.make_episode(2)
  episode.action['move'][-1] = 99
  episode.reward[-1] = 99
  fields = _summarize(_stored(episode)).fields
  assert fields['action/move'].high <= 1
  assert fields['reward'].high == 1


def test_fields_without_order_have_no_range():
  words = np.array([b'pick', b'it', b'up'], object)
  stored = _stored(fakes.make_episode(2))
  stored.steps['words'] = words
  summary = _summarize(stored)
  assert summary.fields['words'].low is None
  (row,) = [x for x in str(summary).splitlines() if x.startswith('words')]
  assert row.split() == ['words', '[]', 'text']


def test_histograms_count_each_value_once():
  first, second = (_stored(fakes.make_episode(k)) for k in (15, 7))
  summary = _summarize(first, second)
  for stored in (first, second):
    summary.count_values(stored)
  clock = summary.fields['observation/clock']
  # The clock runs 0 to 15 in one and 0 to 7 in the other: 16 bins of 15/16.
  assert clock.histogram == [2] * 8 + [1] * 8
  assert clock.bars == '█' * 8 + '▄' * 8


def test_a_constant_field_has_no_bars():
  stored = _stored(fakes.make_episode(3))
  stored.steps['observation']['clock'][:] = 4
  summary = _summarize(stored)
  summary.count_values(stored)
  assert summary.fields['observation/clock'].bars == ''


def test_describes_a_set_for_people():
  lines = str(_summary()).splitlines()
  assert lines[0] == 'episodes  2, 8 transitions'
  assert lines[1] == 'length    2 to 6, mean 4.0'
  assert lines[2].startswith('success   1 of 2: 0.500 [0.')
  assert lines[3] == 'end       1 terminal, 1 truncated'
  (row,) = [line for line in lines if line.startswith('observation/clock')]
  assert row.split() == ['observation/clock', '[]', 'float32', '0', '6']
