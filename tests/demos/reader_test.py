import collections
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from awopt_agent.demos import mapping, reader, statistics, writer
from tests.demos import fakes

ROOT = pathlib.Path(__file__).parents[2]
# The sets in data/, and how many episodes they hold.
OWN_SETS = {
  'compostables_demos': 20,
  'green_bowl_demos': 120,
  'green_bowl_image_demos': 120,
  'indiscriminate_grasping_trials': 20,
  'middle_bin_demos': 20,
}
BRIDGE = ROOT.parent / 'shared' / 'data' / 'bridge_dataset'
needs_bridge = pytest.mark.skipif(
  not BRIDGE.is_dir(), reason='the real data set is not on this machine'
)


@pytest.fixture(name='folder', scope='module')
def _folder(tmp_path_factory):
  """A set of 5 episodes: 1 to 5 transitions."""
  folder = str(tmp_path_factory.mktemp('sets') / 'small_demos')
  episodes = [
    fakes.make_episode(1 + k, is_terminal=k != 2, seed=k) for k in range(5)
  ]
  writer.write_episodes(episodes, folder, **fakes.SPECS)
  return folder


def _lengths(*args, **kwargs):
  return [episode.length for episode in reader.read_episodes(*args, **kwargs)]


def test_reads_in_the_stored_order(folder):
  assert _lengths(folder) == [1, 2, 3, 4, 5]
  assert _lengths(os.path.join(folder, '1.0.0')) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
  'split, lengths',
  [
    ('train[:2]', [1, 2]),
    ('train[3:]', [4, 5]),
    ('train[:1]+train[4:]', [1, 5]),
    ('train[:40%]', [1, 2]),
  ],
)
def test_reads_slices(folder, split, lengths):
  assert _lengths(folder, split) == lengths


def test_keeps_terminal_and_truncated_apart(folder):
  episodes = list(reader.read_episodes(folder))
  ends = [episode.is_terminal for episode in episodes]
  assert ends == [True, True, False, True, True]
  assert [episode.discount[-2] for episode in episodes] == [0, 0, 1, 0, 0]


def test_the_threshold_decides_about_success(folder):
  def count(**kwargs):
    return sum(e.success for e in reader.read_episodes(folder, **kwargs))

  assert count() == 5
  assert count(success_threshold=1.5) == 0


def test_names_the_first_episode_that_does_not_fit(folder):
  action_spec = {'move': fakes.ACTION_SPEC['move']}
  episodes = reader.read_episodes(
    folder, time_step_spec=fakes.TIME_STEP_SPEC, action_spec=action_spec
  )
  with pytest.raises(ValueError, match='^episode 0: has the fields action/mo'):
    next(episodes)


def test_says_so_when_a_file_is_damaged(folder, tmp_path):
  broken = tmp_path / 'broken_demos'
  broken.mkdir()
  for name in os.listdir(os.path.join(folder, '1.0.0')):
    data = pathlib.Path(folder, '1.0.0', name).read_bytes()
    if 'tfrecord' in name:
      data = data[: len(data) // 2]
    (broken / name).write_bytes(data)
  with pytest.raises(ValueError, match=f'{broken} cannot be read: .*restore'):
    list(reader.read_episodes(str(broken)))


def test_refuses_a_set_without_steps(tmp_path):
  feature = tfds.features.FeaturesDict({'text': tfds.features.Text()})
  info = tfds.core.DatasetInfo(
    builder=tfds.core.dataset_info.DatasetIdentity(
      'poems', tfds.core.Version('1.0.0'), str(tmp_path), ''
    ),
    features=feature,
  )
  sequential = tfds.core.SequentialWriter(info, 10)
  sequential.initialize_splits(['train'])
  sequential.add_examples({'train': [{'text': 'no robot'}]})
  sequential.close_all()
  with pytest.raises(ValueError, match=r"no RLDS data set.*only \['text'\]"):
    next(reader.read_episodes(str(tmp_path)))


def test_an_episode_without_steps_is_refused_and_the_rest_is_read(tmp_path):
  folder = str(tmp_path / 'some')
  features = writer.episode_features(fakes.TIME_STEP_SPEC, fakes.ACTION_SPEC)
  examples = [
    writer.make_example(fakes.make_episode(2)),
    {'steps': []},
    writer.make_example(fakes.make_episode(3)),
  ]
  writer.write_serialized(
    (('train', features.serialize_example(one)) for one in examples),
    folder,
    features=features,
  )
  told = []
  episodes = list(reader.read_episodes(folder, on_refused=told.append))
  assert [episode.length for episode in episodes] == [2, 3]
  assert len(told) == 1 and told[0].startswith('episode 1: ')


def test_an_episode_is_stacked_from_any_number_of_parts(folder, monkeypatch):
  monkeypatch.setattr(reader, '_AT_ONCE', 2)
  for one, k in zip(reader.read_episodes(folder), range(5), strict=True):
    expected = fakes.make_episode(1 + k, is_terminal=k != 2, seed=k)
    fakes.assert_same(one, expected)


@needs_bridge
def test_an_episode_without_end_in_a_real_set_counts_as_cut():
  episodes = list(reader.read_episodes(str(BRIDGE), 'train[:3]'))
  # 3 episodes of 10 steps: 27 transitions; 29 if they ran into each other.
  assert [episode.length for episode in episodes] == [9, 9, 9]
  assert not any(episode.is_terminal for episode in episodes)
  assert not any(episode.success for episode in episodes)
  for episode in episodes:
    np.testing.assert_array_equal(episode.discount[:-1], np.ones(9))
    assert episode.observation['image_0'].shape == (10, 64, 64, 3)


@needs_bridge
def test_a_real_set_that_does_not_fit_is_refused_by_its_fields():
  episodes = reader.read_episodes(str(BRIDGE), **fakes.SPECS)
  with pytest.raises(ValueError, match='observation/state, but the environ'):
    next(episodes)


@pytest.mark.parametrize('name, episodes', OWN_SETS.items())
def test_own_sets_are_what_their_readme_says(name, episodes):
  text = (ROOT / 'data' / name / 'README.md').read_text()
  found = list(reader.read_episodes(name))
  mapper = mapping.EpisodeMapper(mapping.Mapping())
  summary = statistics.summarize(reader.read_both(name, mapping=mapper))
  for stored in reader.read_stored(name):
    summary.count_values(stored)
  assert str(summary) in text
  assert len(found) == episodes
  assert all(episode.is_terminal for episode in found)
  if name.endswith('_demos'):
    assert all(episode.success for episode in found)
  # No episode twice.
  starts = collections.Counter(
    b''.join(part[0].tobytes() for part in episode.observation.values())
    for episode in found
  )
  assert max(starts.values()) == 1


def test_own_sets_stay_small():
  files = (ROOT / 'data').rglob('*')
  assert sum(file.stat().st_size for file in files if file.is_file()) < 2e6


def test_a_set_stands_beside_a_builder_of_its_name():
  for folder in (ROOT / 'data').iterdir():
    assert folder.name in OWN_SETS
    assert (folder / f'{folder.name}_dataset_builder.py').is_file()


_LOAD = """
import sys
import tensorflow_datasets as tfds
if sys.argv[1] == 'imported':
  import green_bowl_demos_dataset_builder
options = {'data_dir': sys.argv[2], 'split': 'train[:6]'}
episodes = tfds.load('green_bowl_demos', **options)
print([len(episode['steps']) for episode in episodes])
"""


@pytest.mark.parametrize('how', ['not imported', 'imported', 'copied'])
def test_tfds_loads_own_demonstrations_by_name(how, tmp_path):
  data = ROOT / 'data'
  target = tmp_path if how == 'copied' else data
  mode = 'imported' if how == 'copied' else how
  done = subprocess.run(
    [sys.executable, '-B', '-c', _LOAD, mode, str(target)],
    env={**os.environ, 'PYTHONPATH': str(data / 'green_bowl_demos')},
    capture_output=True,
    text=True,
    check=True,
  )
  lengths = [length + 1 for length in _lengths('green_bowl_demos', 'train[:6]')]
  assert done.stdout.splitlines()[-1] == str(lengths)
