import os
import pathlib
import pickle

import numpy as np
import pytest

from awopt_agent.demos import mapping, reader, schema, writer
from awopt_agent.demos.converters import dapg

DOOR = (
  pathlib.Path(__file__)
  .parents[4]
  .joinpath('shared', 'data', 'dapg_door', 'door-v0_demos.pickle')
)
needs_door = pytest.mark.skipif(
  not DOOR.is_file(), reason='the real data set is not on this machine'
)


def demo(length=3, **changes):
  steps = np.arange(float(length))
  return {
    'observations': np.stack([steps, steps + 0.1], axis=1),
    'actions': steps[:, None] * 10,
    'rewards': steps - 1,
    'init_state_dict': {'qpos': np.array([0.1, 0.2]), 'seed': 4},
    **changes,
  }


def save(tmp_path, value, protocol=None):
  path = tmp_path / 'demos.pickle'
  path.write_bytes(pickle.dumps(value, protocol))
  return str(path)


@pytest.mark.parametrize('protocol', [0, 1, 2, 3, 4, 5])
def test_every_value_is_kept_whatever_the_protocol(tmp_path, protocol):
  path = save(tmp_path, [demo(3), demo(2)], protocol)
  long, short = dapg.read(path)
  assert (long.num_steps, short.num_steps) == (3, 2)
  np.testing.assert_array_equal(
    long.steps['observation'], [[0, 0.1], [1, 1.1], [2, 2.1]]
  )
  assert long.steps['observation'].dtype == np.float64
  np.testing.assert_array_equal(long.steps['action'], [[0], [10], [20]])
  assert long.steps['reward'].tolist() == [-1, 0, 1]
  initial = long.metadata['init_state_dict']
  assert initial['qpos'].tolist() == [0.1, 0.2]
  assert initial['seed'] == 4


def test_the_last_row_is_the_last_one_seen_and_not_terminal(tmp_path):
  (episode,) = dapg.read(save(tmp_path, [demo(3)]))
  assert episode.steps['is_last'].tolist() == [False, False, True]
  assert not episode.steps['is_terminal'].any()
  assert episode.steps['discount'].tolist() == [1, 1, 1]


def test_further_fields_of_rows_are_kept_as_steps(tmp_path):
  infos = {'goal': np.array([5, 6, 7])}
  changes = {'env_infos': infos, 'terminated': False}
  (episode,) = dapg.read(save(tmp_path, [demo(3, **changes)]))
  assert episode.steps['env_infos']['goal'].tolist() == [5, 6, 7]
  assert not episode.metadata['terminated']


def test_pickles_of_python_2_are_read(tmp_path):
  # What Python 2 wrote for [{'actions': array([[1.5], [2.]]), ...}]: str
  # holds bytes there, so the array's data are a short string (U, length).
  array = (
    b'cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntU\x01btR'
    b'(I1\n(I2\nI1\ntcnumpy\ndtype\n(U\x02f8I0\nI1\ntR(I3\nU\x01<NNNI-1\n'
    b'I-1\nI0\ntbI00\nU\x10' + np.array([1.5, -2.0]).tobytes() + b'tb'
  )
  entries = b''.join(
    b'U' + bytes([len(name)]) + name + array
    for name in (b'observations', b'actions', b'rewards')
  )
  path = tmp_path / 'old.pickle'
  path.write_bytes(b'\x80\x02](' + b'(' + entries + b'd' + b'e.')
  (episode,) = dapg.read(str(path))
  np.testing.assert_array_equal(episode.steps['action'], [[1.5], [-2]])


class _Program:
  def __init__(self, function, *arguments):
    self._call = function, arguments

  def __reduce__(self):
    return self._call


@pytest.mark.parametrize(
  'function, name',
  [(os.system, 'posix.system'), (eval, 'builtins.eval')],
)
@pytest.mark.parametrize('protocol', [0, 2, 5])
def test_a_pickle_that_runs_a_program_is_refused_unrun(
  tmp_path, function, name, protocol
):
  mark = tmp_path / 'was_run'
  call = {
    'posix.system': f'touch {mark}',
    'builtins.eval': f'open({str(mark)!r}, "w")',
  }[name]
  path = save(tmp_path, [_Program(function, call)], protocol)
  name = name.replace('builtins', '__builtin__') if protocol < 3 else name
  with pytest.raises(
    ValueError, match=f'{path} asks for {name}, and none'
  ) as error:
    list(dapg.read(path))
  assert len(str(error.value).splitlines()) == 1
  assert not mark.exists()


def test_the_bytes_of_old_protocols_take_no_other_codec(tmp_path):
  path = tmp_path / 'demos.pickle'
  path.write_bytes(b"c_codecs\nencode\n(S'x'\nS'zip'\ntR.")
  with pytest.raises(ValueError, match='asks for the codec zip'):
    list(dapg.read(str(path)))


def test_a_reference_to_the_reader_itself_is_refused(tmp_path):
  path = save(tmp_path, [dapg.read])
  with pytest.raises(ValueError, match='asks for awopt_agent.*read'):
    list(dapg.read(path))


def test_a_broken_pickle_is_named(tmp_path):
  path = save(tmp_path, [demo()])
  data = pathlib.Path(path).read_bytes()
  pathlib.Path(path).write_bytes(data[: len(data) // 2])
  with pytest.raises(ValueError, match=f'{path} cannot be unpickled') as error:
    list(dapg.read(path))
  assert len(str(error.value).splitlines()) == 1


def test_another_pickle_is_refused(tmp_path):
  with pytest.raises(ValueError, match='holds a dict, not a list'):
    list(dapg.read(save(tmp_path, {'a': 1})))


@pytest.mark.parametrize(
  'bad, message',
  [
    (7, "no array 'observations'"),
    ({'observations': np.zeros((3, 2))}, "no array 'actions'"),
    (demo(rewards=[0.0, 0.0, 0.0]), "no array 'rewards'"),
    (demo(rewards=np.zeros(2)), 'reward has 2 rows'),
    (demo(note=[[1], [2, 3]]), 'unequal lengths'),
    (demo(note=None), 'note holds neither'),
  ],
)
def test_a_bad_demonstration_is_named_and_reading_goes_on(
  tmp_path, bad, message
):
  path = save(tmp_path, [demo(), bad, demo(5)])
  episodes = dapg.read(path)
  assert next(episodes).num_steps == 3
  with pytest.raises(
    schema.BadEpisodeError, match=f'{path}: demonstration 1: .*{message}'
  ):
    next(episodes)
  assert next(episodes).num_steps == 5


@pytest.fixture(name='door_set', scope='module')
def _door_set(tmp_path_factory):
  folder = str(tmp_path_factory.mktemp('sets') / 'door_demos')
  return writer.write_stored(dapg.read(str(DOOR)), folder)


@needs_door
def test_the_real_set_survives_conversion_value_for_value(door_set):
  # A file from a known source, so that the plain pickle may read it.
  with open(DOOR, 'rb') as file:
    demos = pickle.load(file)
  stored = list(reader.read_stored(door_set))
  assert len(stored) == len(demos) == 25
  assert sum(episode.num_steps for episode in stored) == 6729
  for episode, original in zip(stored, demos, strict=True):
    for ours, theirs in (
      ('observation', 'observations'),
      ('action', 'actions'),
      ('reward', 'rewards'),
    ):
      assert episode.steps[ours].dtype == np.float64
      np.testing.assert_array_equal(episode.steps[ours], original[theirs])
    initial = episode.metadata['init_state_dict']
    assert initial.keys() == original['init_state_dict'].keys()
    for name, values in initial.items():
      np.testing.assert_array_equal(values, original['init_state_dict'][name])


@needs_door
@pytest.mark.parametrize(
  'rule, when, count',
  [
    ('observation[28] >= 1.0', 'ever', 25),
    ('observation[28] >= 1.0', 'end', 19),
    ('observation[28] >= 1.35', 'ever', 7),
  ],
)
def test_success_at_the_real_door_is_derived_from_its_hinge(
  door_set, rule, when, count
):
  episodes = reader.read_episodes(
    door_set,
    mapping=mapping.Mapping(
      success=rule, success_when=when, reward='success', action_fit='clip'
    ),
  )
  assert sum(episode.success for episode in episodes) == count
