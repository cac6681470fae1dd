import argparse

import numpy as np
import pytest

from awopt_agent.demos import reader
from awopt_agent.envs import experts
from awopt_agent.train import recording


def _flags(tmp_path, **changes):
  flags = {
    'task': 'green_bowl',
    'episodes': 2,
    'out': str(tmp_path / 'some_demos'),
    'seed': 0,
    'noise': None,
    'bias_m': None,
    'all': False,
    'robot': None,
    'world': None,
    'observation': None,
  }
  return argparse.Namespace(**{**flags, **changes})


def test_a_flag_that_is_not_given_leaves_the_default(tmp_path):
  default = experts.ExpertConfig()
  assert recording.expert_config(_flags(tmp_path)) == default
  config = recording.expert_config(_flags(tmp_path, noise=0.0, bias_m=0.02))
  assert config == experts.ExpertConfig(noise=0.0, bias_m=0.02)


def test_noise_must_not_be_negative(tmp_path):
  with pytest.raises(ValueError, match='bias_m is a standard deviation'):
    recording.expert_config(_flags(tmp_path, bias_m=-1.0))


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
