import argparse

import gin
import numpy as np
import pytest

from awopt_agent.demos import reader
from awopt_agent.train import recording
from tests.train import fakes


def _flags(tmp_path, **changes):
  flags = {
    'task': 'green_bowl',
    'episodes': 2,
    'out': str(tmp_path / 'some_demos'),
    'seed': 0,
    'noise': None,
    'bias_m': None,
    'all': False,
    'append': False,
    'policy': None,
    'policy_kind': None,
    'random': False,
    'gin_file': [],
    'gin_bindings': [],
    'robot': None,
    'world': None,
    'observation': None,
  }
  return argparse.Namespace(**{**flags, **changes})


@pytest.mark.parametrize('task', ['green_bowl', 'middle_bin'])
def test_what_is_recorded_can_be_read(tmp_path, task):
  line = recording.record(_flags(tmp_path, task=task))
  assert line.startswith(f'{tmp_path}/some_demos/1.0.0: kept 2 of ')
  episodes = list(reader.read_episodes(str(tmp_path / 'some_demos')))
  assert [episode.success for episode in episodes] == [True, True]
  first, second = (episode.observation['objects'][0] for episode in episodes)
  assert not np.allclose(first, second)


def test_the_seed_chooses_the_episodes(tmp_path):
  starts = []
  for name, seed in (('a_demos', 0), ('b_demos', 0), ('c_demos', 1)):
    out = str(tmp_path / name)
    recording.record(
      _flags(tmp_path, out=out, seed=seed, noise=0.0, episodes=1)
    )
    (episode,) = reader.read_episodes(out)
    starts.append(episode.observation['objects'][0])
  np.testing.assert_array_equal(starts[0], starts[1])
  assert not np.allclose(starts[0], starts[2])


def test_robot_world_and_observation_are_as_asked_for(tmp_path):
  recording.record(
    _flags(
      tmp_path,
      task='middle_bin',
      robot='panda',
      world='real',
      observation='image',
      all=True,
    )
  )
  episode = next(iter(reader.read_episodes(str(tmp_path / 'some_demos'))))
  assert set(episode.observation) == {'image', 'gripper_status', 'steps_left'}
  assert episode.observation['image'].dtype == np.uint8
  assert episode.observation['image'].shape[1:] == (64, 64, 3)


def _starts(folder):
  return [
    episode.observation['objects'][0].tobytes()
    for episode in reader.read_episodes(str(folder))
  ]


def test_a_recording_goes_on_with_new_episodes(tmp_path):
  recording.record(_flags(tmp_path, noise=0.0))
  before = _starts(tmp_path / 'some_demos')
  recording.record(_flags(tmp_path, noise=0.0, append=True, episodes=3))
  after = _starts(tmp_path / 'some_demos')
  assert after[:2] == before
  assert len(set(after)) == 5


def test_another_task_is_not_appended(tmp_path):
  recording.record(_flags(tmp_path, observation='image', all=True, episodes=1))
  with pytest.raises(ValueError, match='holds other fields') as raised:
    recording.record(_flags(tmp_path, append=True, all=True, episodes=1))
  assert len(str(raised.value).splitlines()) == 1


def test_a_policy_is_recorded_in_its_own_task(tmp_path):
  fakes.make_run(tmp_path / 'run')
  line = recording.record(
    _flags(
      tmp_path,
      policy=str(tmp_path / 'run' / 'policies'),
      policy_kind='actor',
      task=None,
      all=True,
    )
  )
  assert 'kept 2 of 2 episodes' in line
  first, second = reader.read_episodes(str(tmp_path / 'some_demos'))
  assert not np.array_equal(
    first.action['world_vector'][0], second.action['world_vector'][0]
  )
  gin.clear_config()


def test_chance_is_recorded_in_a_gymnasium_environment(tmp_path):
  pytest.importorskip('gymnasium')
  line = recording.record(
    _flags(
      tmp_path,
      task='MountainCarContinuous-v0',
      random=True,
      all=True,
      episodes=1,
    )
  )
  assert 'kept 1 of 1 episodes' in line
  (episode,) = reader.read_episodes(str(tmp_path / 'some_demos'))
  # Its time limit: a truncation, not an end.
  assert (episode.length, episode.is_terminal) == (999, False)
  assert episode.observation.shape == (1000, 2)
