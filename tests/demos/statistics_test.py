import numpy as np

from awopt_agent.demos import statistics
from tests.demos import fakes


def _summary():
  return statistics.summarize(
    iter(
      [
        fakes.make_episode(2),
        fakes.make_episode(6, success=False, is_terminal=False),
      ]
    )
  )


def test_counts_episodes_and_their_ends():
  summary = _summary()
  assert summary.lengths == [2, 6]
  assert (summary.successes, summary.terminals) == (1, 1)


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
  fields = statistics.summarize([episode]).fields
  assert fields['action/move'].high <= 1
  assert fields['reward'].high == 1


def test_fields_without_order_have_no_range():
  words = np.array([b'pick', b'it', b'up'], object)
  episode = fakes.make_episode(2)._replace(observation={'words': words})
  summary = statistics.summarize([episode])
  assert summary.fields['observation/words'].low is None
  assert 'observation/words' in statistics.describe(summary)


def test_describes_a_set_for_people():
  lines = statistics.describe(_summary()).splitlines()
  assert lines[0] == 'episodes  2, 8 transitions'
  assert lines[1] == 'length    2 to 6, mean 4.0'
  assert lines[2].startswith('success   1 of 2: 0.500 [0.')
  assert lines[3] == 'end       1 terminal, 1 truncated'
  (row,) = [line for line in lines if line.startswith('observation/clock')]
  assert row.split() == ['observation/clock', '[]', 'float32', '0', '6']
