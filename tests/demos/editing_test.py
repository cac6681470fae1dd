import pathlib

import numpy as np
import pytest
from tf_agents.specs import array_spec

from awopt_agent.demos import editing, mapping, reader, sources, writer
from tests.demos import fakes


def _write(folder, lengths, **kwargs):
  episodes = [
    fakes.make_episode(length, success=length % 2 == 0, seed=length)
    for length in lengths
  ]
  writer.write_episodes(episodes, str(folder), **fakes.SPECS, **kwargs)
  return str(folder)


@pytest.fixture(name='source', scope='module')
def _source(tmp_path_factory):
  """Episodes of 1 to 6 transitions; the even ones succeeded."""
  return _write(tmp_path_factory.mktemp('sets') / 'six', range(1, 7))


def _lengths(folder, split='train'):
  return [episode.length for episode in reader.read_episodes(folder, split)]


@pytest.mark.parametrize(
  'selection, lengths',
  [
    ({}, [1, 2, 3, 4, 5, 6]),
    ({'success': True}, [2, 4, 6]),
    ({'success': False}, [1, 3, 5]),
    ({'min_length': 3}, [3, 4, 5, 6]),
    ({'max_length': 2}, [1, 2]),
    ({'success': True, 'min_length': 3}, [4, 6]),
    ({'index': [0, 5]}, [1, 6]),
    ({'without': [1, 2]}, [1, 4, 5, 6]),
  ],
)
def test_filter_keeps_what_passes_every_test(
  source, tmp_path, selection, lengths
):
  out = str(tmp_path / 'some')
  editing.filter_set(source, out, editing.Selection(**selection))
  assert _lengths(out) == lengths


def test_a_mapping_says_what_a_success_is(source, tmp_path):
  out = str(tmp_path / 'some')
  editing.filter_set(
    source,
    out,
    editing.Selection(success=True),
    mapping=mapping.Mapping(success='observation/clock >= 5'),
  )
  assert _lengths(out) == [5, 6]


def test_filter_reads_the_splits_it_is_told(source, tmp_path):
  out = str(tmp_path / 'some')
  editing.filter_set(source, out, editing.Selection(), splits=['train[2:4]'])
  assert _lengths(out) == [3, 4]


def test_nothing_kept_is_refused_and_leaves_nothing(source, tmp_path):
  with pytest.raises(ValueError, match='no episode to write'):
    editing.filter_set(
      source, str(tmp_path / 'some'), editing.Selection(min_length=7)
    )
  assert not list(tmp_path.iterdir())


def test_episodes_are_copied_byte_for_byte(source, tmp_path):
  out = str(tmp_path / 'six')
  editing.filter_set(source, out, editing.Selection())
  (old,) = pathlib.Path(source).glob('1.0.0/*tfrecord*')
  (new,) = pathlib.Path(out).glob('1.0.0/*tfrecord*')
  assert old.read_bytes() == new.read_bytes()


def test_sets_are_merged_split_by_split(source, tmp_path):
  other = _write(tmp_path / 'other', [7, 8])
  held = _write(tmp_path / 'held', [9], split='val')
  out = str(tmp_path / 'all')
  editing.merge_sets([other, source, held], out)
  assert _lengths(out) == [7, 8, 1, 2, 3, 4, 5, 6]
  assert _lengths(out, 'val') == [9]


def test_merged_copies_can_be_left_out(source, tmp_path):
  doubled, single = str(tmp_path / 'doubled'), str(tmp_path / 'single')
  editing.merge_sets([source, source], doubled)
  assert len(_lengths(doubled)) == 12
  editing.filter_set(doubled, single, editing.Selection(unique=True))
  assert _lengths(single) == [1, 2, 3, 4, 5, 6]


def test_sets_of_other_fields_are_not_merged(source, tmp_path):
  other = str(tmp_path / 'other')
  episode = fakes.make_episode(2)
  narrow = {**fakes.OBSERVATION_SPEC, 'place': array_spec.ArraySpec((1,), 'f4')}
  episode.observation['place'] = np.zeros((3, 1), np.float32)
  specs = fakes.TIME_STEP_SPEC._replace(observation=narrow)
  writer.write_episodes(
    [episode], other, time_step_spec=specs, action_spec=fakes.ACTION_SPEC
  )
  with pytest.raises(
    ValueError, match=r"other fields than .*'place'"
  ) as raised:
    editing.merge_sets([source, other], str(tmp_path / 'all'))
  assert len(str(raised.value).splitlines()) == 1


def test_a_set_is_shared_out_by_weight_and_seed(source, tmp_path):
  found = []
  for name, seed in (('a', 0), ('b', 0), ('c', 1)):
    out = str(tmp_path / name / 'parts')
    editing.split_set(source, out, {'train': 2, 'val': 1}, seed=seed)
    found.append((_lengths(out), _lengths(out, 'val')))
    assert (len(found[-1][0]), len(found[-1][1])) == (4, 2)
    assert sorted(sum(found[-1], [])) == [1, 2, 3, 4, 5, 6]
  assert found[0] == found[1] != found[2]


def test_without_a_seed_the_stored_order_stays(source, tmp_path):
  out = str(tmp_path / 'parts')
  editing.split_set(source, out, {'a': 0.5, 'b': 0.5}, seed=None)
  assert (_lengths(out, 'a'), _lengths(out, 'b')) == ([1, 2, 3], [4, 5, 6])


def test_no_part_is_empty(source, tmp_path):
  with pytest.raises(ValueError, match='one would be empty'):
    editing.split_set(source, str(tmp_path / 'x'), {'a': 99, 'b': 1})


def test_the_description_goes_along(tmp_path):
  source = _write(tmp_path / 'told', [2], description='By hand.')
  editing.merge_sets([source], str(tmp_path / 'again'))
  info = sources.open_set(str(tmp_path / 'again')).info
  assert info.description == 'By hand.'
