import json

import numpy as np
import pytest

from awopt_agent.demos import reader, schema, writer
from awopt_agent.demos.converters import robomimic
from tests.demos.converters import fakes

STEPS = np.arange(3.0)


def demo(name, *, dones=(0, 0, 1), rewards=(0, 0, 1), next_obs=True, **changes):
  """Three steps: the gripper is at 0, 1, 2, and at last at 3."""
  parts = {
    'actions': STEPS[:, None] * 10,
    'rewards': np.array(rewards, float),
    'dones': np.array(dones),
    'states': np.ones((3, 5)),
    'obs/eef': STEPS[:, None],
    'obs/view': np.full((3, 4, 4, 3), 7, np.uint8),
  }
  if next_obs:
    parts['next_obs/eef'] = STEPS[:, None] + 1
    parts['next_obs/view'] = np.full((3, 4, 4, 3), 8, np.uint8)
  parts |= changes
  return {
    f'data/{name}/{part}': values
    for part, values in parts.items()
    if values is not None
  }


def save(tmp_path, *demos, **masks):
  contents = {}
  for part in demos:
    contents |= part
  for name, members in masks.items():
    contents[f'mask/{name}'] = np.array(members, 'S')
  attributes = {'data': {'env_args': json.dumps({'env_name': 'Lift'})}}
  for name in {path.split('/')[1] for path in contents if 'data/' in path}:
    attributes[f'data/{name}'] = {'num_samples': 3, 'model_file': '<mujoco/>'}
  return fakes.write_hdf5(tmp_path / 'low_dim.hdf5', contents, attributes)


def names(episodes):
  return [episode.metadata['name'] for episode in episodes]


def test_the_last_of_next_obs_becomes_the_last_row(tmp_path):
  (episode,) = robomimic.read(save(tmp_path, demo('demo_0')))
  steps = episode.steps
  assert steps['observation']['eef'].tolist() == [[0], [1], [2], [3]]
  assert steps['observation']['view'][:, 0, 0, 0].tolist() == [7, 7, 7, 8]
  assert steps['action'].tolist() == [[0], [10], [20], [0]]
  assert steps['reward'].tolist() == [0, 0, 1, 0]
  assert steps['discount'].tolist() == [1, 1, 0, 0]
  assert steps['is_terminal'].tolist() == [False, False, False, True]
  assert steps['dones'].tolist() == [0, 0, 1, 1]


def test_without_next_obs_a_terminal_end_keeps_its_reward(tmp_path):
  (episode,) = robomimic.read(save(tmp_path, demo('demo_0', next_obs=False)))
  assert episode.steps['observation']['eef'].tolist() == [[0], [1], [2], [2]]
  assert episode.steps['reward'].tolist() == [0, 0, 1, 0]


def test_without_next_obs_a_truncated_end_has_no_further_row(tmp_path):
  path = save(tmp_path, demo('demo_0', next_obs=False, dones=(0, 1, 0)))
  (episode,) = robomimic.read(path)
  assert episode.num_steps == 3
  assert not episode.steps['is_terminal'].any()


@pytest.mark.parametrize(
  'terminal, dones, rewards, expected',
  [
    ('dones', (0, 0, 1), (0, 0, 0), True),
    ('dones', (0, 1, 0), (0, 1, 0), False),
    ('reward', (0, 0, 1), (0, 0, 0), False),
    ('reward', (0, 0, 1), (0, 0, 1), True),
    ('never', (0, 0, 1), (0, 0, 1), False),
  ],
)
def test_the_option_terminal_decides_what_an_end_is(
  tmp_path, terminal, dones, rewards, expected
):
  path = save(tmp_path, demo('demo_0', dones=dones, rewards=rewards))
  (episode,) = robomimic.read(path, terminal=terminal)
  assert episode.steps['is_terminal'][-1] == expected
  assert not episode.steps['is_terminal'][:-1].any()


def test_demos_come_by_their_numbers(tmp_path):
  path = save(tmp_path, demo('demo_10'), demo('demo_2'), demo('demo_1'))
  assert names(robomimic.read(path)) == ['demo_1', 'demo_2', 'demo_10']


def test_a_filter_key_chooses_demos(tmp_path):
  path = save(
    tmp_path,
    demo('demo_0'),
    demo('demo_1'),
    demo('demo_2'),
    train=['demo_2', 'demo_0'],
    lost=['demo_9'],
  )
  chosen = robomimic.read(path, filter_key='train')
  assert names(chosen) == ['demo_0', 'demo_2']
  with pytest.raises(
    ValueError, match="no filter key 'valid'; it has: lost, t"
  ):
    next(robomimic.read(path, filter_key='valid'))
  with pytest.raises(ValueError, match='mask/lost names demo_9'):
    next(robomimic.read(path, filter_key='lost'))


def test_the_simulators_state_is_kept_on_request(tmp_path):
  path = save(tmp_path, demo('demo_0'))
  (without,) = robomimic.read(path)
  (with_it,) = robomimic.read(path, keep_simulator=True)
  assert 'states' not in without.steps
  assert json.loads(without.metadata['attributes']) == {'num_samples': 3}
  assert with_it.steps['states'].shape == (4, 5)
  attributes = json.loads(with_it.metadata['attributes'])
  assert attributes['model_file'] == '<mujoco/>'
  assert json.loads(without.metadata['env_args']) == {'env_name': 'Lift'}


def test_further_fields_go_to_steps_or_to_the_episode(tmp_path):
  parts = {
    'datagen_info/grasped': np.array([0, 1, 1]),
    'initial_state/pose': np.ones((1, 7)),
  }
  (episode,) = robomimic.read(save(tmp_path, demo('demo_0', **parts)))
  assert episode.steps['datagen_info']['grasped'].tolist() == [0, 1, 1, 1]
  assert episode.metadata['initial_state']['pose'].shape == (1, 7)


def test_a_set_of_it_is_written_and_read_value_for_value(tmp_path):
  path = save(tmp_path, demo('demo_0'), demo('demo_1'))
  folder = writer.write_stored(
    robomimic.read(path), str(tmp_path / 'lift_demos')
  )
  first, _ = reader.read_stored(folder)
  assert first.steps['observation']['eef'].dtype == np.float64
  assert first.steps['observation']['view'][:, 0, 0, 0].tolist() == [7, 7, 7, 8]
  assert first.metadata['name'] == b'demo_0'
  (episode, _) = reader.read_episodes(folder)
  assert episode.success and episode.is_terminal and episode.length == 3


def test_states_alone_are_refused_with_the_remedy(tmp_path):
  parts = {'obs/eef': None, 'obs/view': None}
  path = save(tmp_path, demo('demo_0', next_obs=False, **parts))
  with pytest.raises(ValueError, match='demo_0.*dataset_states_to_obs.py') as e:
    next(robomimic.read(path))
  assert len(str(e.value).splitlines()) == 1


@pytest.mark.parametrize(
  'parts, message',
  [
    ({'actions': None}, "has no 'actions'"),
    ({'obs/eef': np.zeros((2, 1))}, 'observation/eef has 2 rows'),
    ({'rewards': np.zeros(4)}, 'reward has 4 rows'),
    ({'dones': np.zeros(2)}, 'dones has 2 rows'),
    ({'next_obs/eef': None}, 'its last observation has other fields'),
  ],
)
def test_a_bad_demo_is_named_and_reading_goes_on(tmp_path, parts, message):
  path = save(tmp_path, demo('demo_1'), demo('demo_0'), demo('demo_2'))
  bad = demo('demo_1', **parts)
  path = save(tmp_path, demo('demo_0'), bad, demo('demo_2'))
  episodes = robomimic.read(path)
  next(episodes)
  with pytest.raises(
    schema.BadEpisodeError, match=f'{path}: demo_1: .*{message}'
  ):
    next(episodes)
  assert next(episodes).metadata['name'] == 'demo_2'


def test_options_and_other_files_are_refused(tmp_path):
  path = fakes.write_hdf5(tmp_path / 'a.hdf5', {'x': np.zeros(3)})
  assert not robomimic.fits(path)
  with pytest.raises(ValueError, match="no group 'data', only x"):
    next(robomimic.read(path))
  with pytest.raises(ValueError, match="dones, reward, never, got 'always'"):
    robomimic.read(path, terminal='always')
