import pickle

import numpy as np
import pytest

from awopt_agent.demos import converters, schema
from awopt_agent.demos.converters import formats
from tests.demos.converters import (
  dapg_test,
  fakes,
  flat_test,
  lerobot_test,
  minari_test,
  robomimic_test,
)


def save(name, tmp_path):
  return {
    'dapg': lambda: dapg_test.save(tmp_path, [dapg_test.demo()]),
    'lerobot': lambda: lerobot_test.save_v3(tmp_path, *lerobot_test.both()),
    'minari': lambda: minari_test.save(
      tmp_path, minari_test.episode('episode_0')
    ),
    'numpy': lambda: flat_test.save_npz(tmp_path),
    'robomimic': lambda: robomimic_test.save(
      tmp_path, robomimic_test.demo('demo_0')
    ),
  }[name]()


@pytest.mark.parametrize('name', converters.FORMATS)
def test_each_format_is_found_and_read(tmp_path, name):
  path = save(name, tmp_path)
  assert converters.find_format(path) == name
  found, named = converters.read(path), converters.read(path, name)
  for left, right in zip(found, named, strict=True):
    assert left.num_steps == right.num_steps > 1
    for field in ('observation', 'action', 'reward', 'discount', 'is_first'):
      assert field in left.steps


def test_d4rls_hdf5_is_found_too(tmp_path):
  assert converters.find_format(flat_test.save_hdf5(tmp_path)) == 'numpy'


def test_what_fits_no_format_gets_a_list_of_them(tmp_path):
  (tmp_path / 'a.csv').write_text('1,2')
  for path in (tmp_path / 'a.csv', tmp_path):
    with pytest.raises(ValueError, match='none of the formats') as raised:
      converters.read(str(path))
    assert len(str(raised.value).splitlines()) == 1
    for name in converters.FORMATS:
      assert name in str(raised.value)


def test_a_missing_file_is_named_at_once(tmp_path):
  with pytest.raises(FileNotFoundError, match='no file or folder .*none.npz'):
    converters.read(str(tmp_path / 'none.npz'))


def test_unknown_formats_and_options_are_refused_at_once(tmp_path):
  path = save('robomimic', tmp_path)
  with pytest.raises(ValueError, match="no format 'hdf5'; choose one of dapg"):
    converters.read(path, 'hdf5')
  with pytest.raises(ValueError, match="no option 'keys'; it has: filter_key"):
    converters.read(path, keys='a')
  path = dapg_test.save(tmp_path, [])
  with pytest.raises(ValueError, match="no option 'keys'; it has: none"):
    converters.read(path, keys='a')


def test_options_reach_the_reader(tmp_path):
  path = save('robomimic', tmp_path)
  (episode,) = converters.read(path, keep_simulator=True)
  assert 'states' in episode.steps
  assert converters.options_of('robomimic') == (
    'filter_key',
    'terminal',
    'keep_simulator',
  )


def test_bad_episodes_are_told_and_the_rest_is_read(tmp_path):
  bad = dapg_test.demo(rewards=np.zeros(1))
  path = dapg_test.save(tmp_path, [dapg_test.demo(), bad, dapg_test.demo(5)])
  refused = []
  episodes = list(converters.read(path, on_refused=refused.append))
  assert [episode.num_steps for episode in episodes] == [3, 5]
  assert len(refused) == 1 and 'demonstration 1' in refused[0]
  with pytest.raises(schema.BadEpisodeError, match='demonstration 1'):
    list(converters.read(path))


def test_a_file_cut_off_is_named_in_one_line(tmp_path):
  data = {
    name: np.random.default_rng(0).normal(size=(5000, 2))
    for name in ('observations', 'actions')
  }
  data['timeouts'] = np.arange(5000) % 100 == 99
  path = fakes.write_hdf5(tmp_path / 'a.hdf5', data)
  whole = (tmp_path / 'a.hdf5').read_bytes()
  (tmp_path / 'a.hdf5').write_bytes(whole[:-20_000])
  for name in ('numpy', None):
    with pytest.raises(OSError, match=f'{path} cannot be read') as raised:
      list(converters.read(path, name))
    assert len(str(raised.value).splitlines()) == 1


def test_an_archive_broken_within_is_named_in_one_line(tmp_path):
  noise = np.random.default_rng(0).normal(size=(2000, 2))
  arrays = {
    'observations': noise,
    'actions': noise,
    'episode_ends': np.array([1000, 2000]),
  }
  for save in (np.savez, np.savez_compressed):
    save(tmp_path / 'a.npz', **arrays)
    data = bytearray((tmp_path / 'a.npz').read_bytes())
    data[20_000:20_100] = bytes(100)
    (tmp_path / 'a.npz').write_bytes(data)
    path = str(tmp_path / 'a.npz')
    with pytest.raises(OSError, match=f'{path} cannot be read') as raised:
      list(converters.read(path))
    assert len(str(raised.value).splitlines()) == 1


def test_failures_of_libraries_get_the_name_of_the_file(tmp_path, monkeypatch):
  def fail(path):
    yield schema.StoredEpisode({'action': np.zeros(1)})
    raise OSError('cannot read chunk\nat address 7')

  monkeypatch.setitem(formats.FORMATS, 'dapg', fail)
  path = tmp_path / 'a.pickle'
  path.write_bytes(pickle.dumps([]))
  episodes = converters.read(str(path))
  next(episodes)
  with pytest.raises(OSError, match=f'{path} cannot be read as dapg: cannot'):
    next(episodes)


@pytest.mark.parametrize(
  'name, options, named',
  [
    ('numpy', {'max_steps': 'abc'}, r"max_steps .* int \| None, got 'abc'"),
    ('minari', {'skip_infos': 'yes'}, "skip_infos .* must be bool, got 'yes'"),
    ('robomimic', {'filter_key': 3}, 'filter_key of the format robomimic'),
  ],
)
def test_an_option_of_another_type_is_refused(tmp_path, name, options, named):
  with pytest.raises(ValueError, match=named):
    converters.read(save(name, tmp_path), name, **options)
