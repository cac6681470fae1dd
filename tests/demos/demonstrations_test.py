import numpy as np
import pytest

from awopt_agent.demos import demonstrations, mapping, writer
from tests.demos import fakes

Demonstrations = demonstrations.Demonstrations


@pytest.fixture(name='sets', scope='module')
def _sets(tmp_path_factory):
  """Two sets; episodes last 1, 2, ... and 11, 12, ... transitions."""
  folder = tmp_path_factory.mktemp('sets')
  for name, first, count in (('few', 1, 4), ('many', 11, 9)):
    episodes = [fakes.make_episode(first + k, seed=k) for k in range(count)]
    writer.write_episodes(episodes, str(folder / name), **fakes.SPECS)
  return str(folder / 'few'), str(folder / 'many')


def _lengths(*parts, **kwargs):
  reading = demonstrations.DemonstrationReader(parts, **kwargs)
  return [episode.length for episode in reading.read()]


def test_sets_are_read_one_after_the_other(sets):
  few, many = sets
  parts = Demonstrations(few, 'train[:2]'), Demonstrations(many, 'train[:10%]')
  assert _lengths(*parts) == [1, 2, 11]


def test_weights_are_shares_at_each_moment(sets):
  few, many = sets
  lengths = _lengths(
    Demonstrations(few, weight=1), Demonstrations(many, weight=3)
  )
  # Three of the second for one of the first; the second ends after nine.
  assert sorted(lengths[:4]) == [1, 11, 12, 13]
  assert sorted(lengths[:8]) == [1, 2, 11, 12, 13, 14, 15, 16]
  assert sum(length > 10 for length in lengths) == 9
  assert sum(length < 10 for length in lengths) == 3


def test_each_set_has_a_mapping_of_its_own(sets):
  few, many = sets
  halved = mapping.Mapping(
    action_fit='rescale', action_range=(-2, 2), success='all'
  )
  reading = demonstrations.DemonstrationReader(
    [Demonstrations(few), Demonstrations(many, mapping=halved)]
  )
  episodes = list(reading.read())
  original = fakes.make_episode(11, seed=0).action['move']
  np.testing.assert_allclose(
    episodes[4].action['move'], original / 2, atol=1e-6
  )
  np.testing.assert_array_equal(
    episodes[0].action['move'], fakes.make_episode(1, seed=0).action['move']
  )


def _with_a_bad_one(tmp_path):
  bad = fakes.make_episode(3, seed=9)
  bad.observation['place'][1] = np.nan
  episodes = [fakes.make_episode(2), bad, fakes.make_episode(4)]
  folder = str(tmp_path / 'spoilt')
  # What the writer would refuse.
  examples = [writer.make_example(episode) for episode in episodes]
  features = writer.episode_features(fakes.TIME_STEP_SPEC, fakes.ACTION_SPEC)
  writer.write_serialized(
    (('train', features.serialize_example(one)) for one in examples),
    folder,
    features=features,
  )
  return Demonstrations(folder)


def test_a_bad_episode_is_named_and_the_rest_is_read(tmp_path):
  reading = demonstrations.DemonstrationReader([_with_a_bad_one(tmp_path)])
  told = []
  episodes = list(reading.read(*fakes.SPECS.values(), on_refused=told.append))
  assert [episode.length for episode in episodes] == [2, 4]
  assert len(told) == 1
  assert told[0].startswith('episode 1: observation/place holds NaN')
  assert reading.report() == '1 refused'


def test_a_strict_reader_stops_at_a_bad_episode(tmp_path):
  reading = demonstrations.DemonstrationReader(
    [_with_a_bad_one(tmp_path)], strict=True
  )
  with pytest.raises(ValueError, match='episode 1: observation/place'):
    list(reading.read(*fakes.SPECS.values()))


def test_a_set_without_one_good_episode_is_refused(sets):
  wrong = mapping.Mapping(observation='observation/nothing')
  reading = demonstrations.DemonstrationReader(
    [Demonstrations(sets[0], mapping=wrong)]
  )
  with pytest.raises(
    ValueError, match='no demonstration of .*few .*observation/nothing'
  ):
    next(reading.read())


def test_specs_come_from_the_data(sets):
  reading = demonstrations.DemonstrationReader([Demonstrations(sets[0])])
  time_step_spec, action_spec = reading.specs()
  place = time_step_spec.observation['place']
  assert (place.shape, place.dtype) == ((2,), np.float32)
  assert not hasattr(place, 'minimum')
  assert action_spec['move'].shape == (2,)
  assert (action_spec['move'].minimum, action_spec['move'].maximum) == (-1, 1)
  stop = action_spec['stop']
  assert (stop.dtype, stop.minimum, stop.maximum) == (np.int32, 0, 1)
  assert [e.length for e in reading.read(time_step_spec, action_spec)] == [
    *range(1, 5)
  ]


def test_actions_that_are_cut_have_the_bounds_of_the_cut(sets):
  cut = mapping.Mapping(
    action={'move': 'action/move'},
    action_fit='clip',
    action_range={'move': (-0.5, [0.25, 0.5])},
  )
  reading = demonstrations.DemonstrationReader(
    [Demonstrations(sets[0], mapping=cut)]
  )
  move = reading.specs()[1]['move']
  assert move.minimum == -0.5
  assert move.maximum.tolist() == [0.25, 0.5]


def test_a_name_alone_is_one_set():
  (part,) = demonstrations.as_sets('data/x', 'train[:3]')
  assert (part.source, part.split, part.weight) == ('data/x', 'train[:3]', None)


@pytest.mark.parametrize('given', [[], ['data/x'], 3 * [None]])
def test_what_is_no_set_is_refused(given):
  with pytest.raises(ValueError, match='@Demonstrations'):
    demonstrations.as_sets(given, 'train')


def test_weights_are_for_all_or_none():
  parts = [Demonstrations('a', weight=2), Demonstrations('b')]
  with pytest.raises(ValueError, match='bound for a alone'):
    demonstrations.as_sets(parts, 'train')


def test_a_weight_must_be_positive():
  with pytest.raises(ValueError, match='weight must be > 0, got 0'):
    Demonstrations('a', weight=0)


def test_what_weights_leave_out_is_told(sets):
  few, many = sets
  reading = demonstrations.DemonstrationReader(
    [Demonstrations(few, weight=3), Demonstrations(many, weight=1)]
  )
  # Three of the few, one of the many, and the last of the few.
  assert len(list(reading.read())) == 5
  assert reading.report() == f'8 left out where {few} had no more'


def test_a_weighted_set_without_one_good_episode_ends_reading(sets):
  wrong = mapping.Mapping(observation='observation/nothing')
  parts = [
    Demonstrations(sets[0], weight=1),
    Demonstrations(sets[1], weight=1, mapping=wrong),
  ]
  with pytest.raises(ValueError, match=f'no demonstration of {sets[1]}'):
    list(demonstrations.DemonstrationReader(parts).read())
