import os

import pytest

from awopt_agent import resources
from awopt_agent.demos import reader, sources, writer
from tests.demos import fakes


@pytest.fixture(name='folder', scope='module')
def _folder(tmp_path_factory):
  """A set of 5 episodes: 1 to 5 transitions."""
  folder = str(tmp_path_factory.mktemp('sets') / 'small_demos')
  episodes = [fakes.make_episode(1 + k, seed=k) for k in range(5)]
  writer.write_episodes(episodes, folder, **fakes.SPECS)
  return folder


def _lengths(*args):
  return [episode.length for episode in reader.read_episodes(*args)]


def test_reads_the_newest_version(tmp_path):
  folder = str(tmp_path / 'small_demos')
  for version, length in (('1.9.0', 1), ('1.10.0', 2), ('1.2.0', 3)):
    writer.write_episodes(
      [fakes.make_episode(length)], folder, version=version, **fakes.SPECS
    )
  os.makedirs(os.path.join(folder, '.partial-x'))
  os.makedirs(os.path.join(folder, '9.0.0'))  # Empty: not a set.
  assert _lengths(folder) == [2]


def test_a_home_folder_may_be_short(folder, monkeypatch):
  monkeypatch.setenv('HOME', os.path.dirname(folder))
  assert _lengths('~/small_demos', 'train[:1]') == [1]


def test_the_package_own_set_is_found_from_any_folder(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  for name in ('data/green_bowl_demos', 'green_bowl_demos'):
    assert len(_lengths(name, 'train[:2]')) == 2


def test_a_folder_here_comes_before_the_package_own(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  writer.write_episodes(
    [fakes.make_episode(3)], 'data/green_bowl_demos', **fakes.SPECS
  )
  assert _lengths('data/green_bowl_demos') == [3]


def test_works_where_the_package_own_data_are_missing(folder, monkeypatch):
  def missing():
    raise FileNotFoundError

  monkeypatch.setattr(resources, 'data_root', missing)
  assert _lengths(folder, 'train[:1]') == [1]


@pytest.mark.parametrize(
  'source, named',
  [
    ('no_such_demos', 'no folder .*/no_such_demos, nor a TFDS'),
    ('data/no_such_demos', 'no folder .*/data/no_such_demos'),
    ('/no/such_demos', 'no folder /no/such_demos'),
    ('mnist', 'mnist is not prepared in .*tfds.load'),
  ],
)
def test_names_a_set_that_is_missing(source, named, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  # At once: not when the first episode is asked for.
  with pytest.raises(FileNotFoundError, match=named) as raised:
    reader.read_episodes(source)
  assert len(str(raised.value).splitlines()) == 1


def test_names_a_folder_that_is_empty(tmp_path):
  with pytest.raises(
    FileNotFoundError, match=f'{tmp_path} holds no TFDS data set.*record'
  ):
    reader.read_episodes(str(tmp_path))


@pytest.mark.parametrize(
  'split, named',
  [
    ('trian', r"no split 'trian' in .*train \(5 episodes\); choose"),
    ('train[7:9]', r"no split 'train\[7:9\]'"),
    ('train[', r"no split 'train\['"),
    ('train[:0]', r"split 'train\[:0\]' of .* is empty; it has: train \(5"),
  ],
)
def test_names_a_split_without_episodes(folder, split, named):
  with pytest.raises(ValueError, match=named) as raised:
    reader.read_episodes(folder, split)
  assert len(str(raised.value).splitlines()) == 1


def test_a_split_is_counted(folder):
  builder = sources.open_set(folder)
  assert sources.check_split(builder, folder, 'train[:60%]') == 3
