import numpy as np
import pytest

from awopt_agent.demos import fields, schema

EPISODE = schema.StoredEpisode(
  {
    'observation': {'state': np.array([[0.0, 1.5], [2.0, 3.0]])},
    'reward': np.array([0.25, 0.75]),
  },
  {'success': np.bool_(True), 'where': {'lab': np.int64(3)}},
)


@pytest.mark.parametrize(
  'text, expected',
  [
    ('reward', [0.25, 0.75]),
    ('observation/state', [[0, 1.5], [2, 3]]),
    ('observation/state[1]', [1.5, 3]),
    ('observation/state[-2]', [0, 2]),
    ('observation/state[0:1]', [[0], [2]]),
    ('observation/state[1:]', [[1.5], [3]]),
    ('reward > 0.5', [0, 1]),
    ('reward>=0.25', [1, 1]),
    ('observation/state[0] < 1e-3', [1, 0]),
    ('observation/state[1] <= 1.5', [1, 0]),
    ('episode/success', True),
    ('episode/where/lab', 3),
  ],
)
def test_an_expression_reads_a_field_a_part_or_a_comparison(text, expected):
  values = fields.Field(text).read(EPISODE)
  np.testing.assert_array_equal(values, expected)


def test_a_comparison_gives_whole_numbers():
  assert fields.Field('reward > 0.5').read(EPISODE).dtype == np.int32


def test_a_field_may_be_a_nest():
  assert list(fields.Field('observation').read(EPISODE)) == ['state']


@pytest.mark.parametrize('text', ['', 'a b', 'reward >', 'reward == 1', 'x[1'])
def test_what_is_no_expression_is_refused(text):
  with pytest.raises(ValueError, match='names no field; write such as'):
    fields.Field(text)


@pytest.mark.parametrize(
  'text, named',
  [
    ('observation/pose', "no field 'observation/pose'"),
    ('reward/x', "no field 'reward/x'"),
    ('observation[0]', 'needs one array, but observation holds state'),
    ('observation/state[2]', 'beyond the 2 numbers of observation/state'),
  ],
)
def test_what_an_episode_lacks_is_named_with_its_number(text, named):
  with pytest.raises(schema.BadEpisodeError, match='episode 4') as raised:
    fields.Field(text).read(EPISODE, 4)
  assert named in str(raised.value)
  assert len(str(raised.value).splitlines()) == 1


def test_every_array_has_a_path():
  assert fields.paths(EPISODE) == [
    'episode/success',
    'episode/where/lab',
    'observation/state',
    'reward',
  ]


def test_a_signature_has_types_and_shapes_of_a_step():
  assert fields.signature(EPISODE) == {
    'episode/success': 'bool []',
    'episode/where/lab': 'int64 []',
    'observation/state': 'float64 [2]',
    'reward': 'float64 []',
  }
