"""Data sets that this project has never seen: from their files to a policy."""

import argparse
import json
import pathlib
import signal

import gin
import numpy as np
import pytest

from awopt_agent.demos import converters, demonstrations, reader, writer
from awopt_agent.serving import predictor
from awopt_agent.train import (
  config,
  run_folder,
  session,
  threads,
  train_config,
)

SHARED = pathlib.Path(__file__).parents[2].parent / 'shared' / 'data'
BRIDGE = SHARED / 'bridge_dataset'
DOOR = SHARED / 'dapg_door' / 'door-v0_demos.pickle'
needs_real_sets = pytest.mark.skipif(
  not SHARED.is_dir(), reason='the real data sets are not on this machine'
)

_TINY = (
  'TrainConfig.pretrain_steps = 4',
  'TrainConfig.batch_size = 8',
  'MlpCritic.layers = (8,)',
  'MlpActor.layers = (8,)',
  'SmallCritic.layers = (8,)',
  'SmallActor.layers = (8,)',
)


@pytest.fixture(name='train')
def _train(monkeypatch, tmp_path):
  """Trains without an environment; returns the last line."""
  handlers = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
  # They are for a process of the program's own.
  monkeypatch.setattr(threads, 'use_cores', lambda: None)

  def train(*gin_files, bindings=(), dry_run=False):
    flags = argparse.Namespace(
      gin_file=list(gin_files),
      gin_bindings=[*_TINY, *bindings],
      root_dir=str(tmp_path / 'run'),
      seed=0,
      dry_run=dry_run,
    )
    return session.train(flags)

  yield train
  gin.clear_config()
  for number, handler in handlers.items():
    signal.signal(number, handler)


@pytest.fixture(name='door', scope='module')
def _door(tmp_path_factory):
  if not DOOR.is_file():
    pytest.skip('the real data sets are not on this machine')
  folder = tmp_path_factory.mktemp('sets') / 'door'
  writer.write_stored(converters.read(str(DOOR)), str(folder))
  return str(folder)


def _is_learnt(line, tmp_path):
  assert line.startswith('learnt: 4 learner steps on demonstrations')
  records = (tmp_path / 'run' / 'metrics.jsonl').read_text().splitlines()
  assert json.loads(records[-1])['learner_step'] == 4
  return predictor.Predictor(str(tmp_path / 'run' / 'policies'))


def _write_archive(path):
  """Six episodes of four steps; the third has a hole."""
  rng = np.random.default_rng(0)
  observations = rng.normal(size=(24, 3))
  observations[9, 1] = np.nan
  np.savez(
    path,
    observations=observations,
    actions=rng.uniform(-4, 4, (24, 2)),
    rewards=np.zeros(24),
    episode_lengths=np.full(6, 4),
  )


def test_an_archive_becomes_a_policy_without_an_environment(
  train, tmp_path, capsys, monkeypatch
):
  _write_archive(tmp_path / 'mine.npz')
  folder = str(tmp_path / 'mine')
  writer.write_stored(converters.read(str(tmp_path / 'mine.npz')), folder)
  bindings = (
    f'TrainConfig.demonstrations = "{folder}"',
    'TrainConfig.offline = True',
    'TrainConfig.practice_episodes = 0',
    'Mapping.success = "all"',
    'Mapping.reward = "success"',
    'Mapping.action_fit = "rescale"',
    'Mapping.action_range = (-2, 2)',
  )
  files = ('base/state.gin', 'variant/bc.gin')
  line = train(*files, bindings=bindings, dry_run=True)
  assert line.startswith('dry run: 5 demonstrations, 1 refused, ')
  loaded = _is_learnt(train(*files, bindings=bindings), tmp_path)
  told = capsys.readouterr().out
  assert 'refused: episode 2: observation holds NaN' in told
  # Three transitions of six episodes, the refused one's too, of two numbers.
  assert '5 demonstrations, 1 refused, ' in told
  assert ' of 36 action values were cut, by ' in told
  action = loaded.predict(np.zeros(3, np.float32))
  assert action.shape == (2,) and np.all(np.abs(action) <= 1)
  # A process keeps its folder to itself until it ends.
  monkeypatch.setattr(run_folder.RunFolder, 'lock', lambda self: None)
  assert train(*files, bindings=bindings).startswith('finished before: 4')


def test_a_strict_run_does_not_begin_with_a_bad_episode(train, tmp_path):
  _write_archive(tmp_path / 'mine.npz')
  folder = str(tmp_path / 'mine')
  writer.write_stored(converters.read(str(tmp_path / 'mine.npz')), folder)
  bindings = (
    f'TrainConfig.demonstrations = "{folder}"',
    'TrainConfig.strict_demonstrations = True',
    'TrainConfig.offline = True',
    'TrainConfig.practice_episodes = 0',
    'Mapping.success = "all"',
    'Mapping.action_fit = "clip"',
  )
  with pytest.raises(ValueError, match='episode 2: observation holds NaN'):
    train('base/state.gin', 'variant/bc.gin', bindings=bindings)
  assert not (tmp_path / 'run' / 'config.gin').exists()


@needs_real_sets
@pytest.mark.parametrize('variant', ['bc', 'awopt'])
def test_bridge_is_learnt_from_pictures_and_states(train, tmp_path, variant):
  line = train(
    'base/image.gin',
    'task/bridge.gin',
    f'variant/{variant}.gin',
    bindings=[f'TrainConfig.demonstrations = "{BRIDGE}"'],
  )
  spec = _is_learnt(line, tmp_path).observation_spec
  assert {part.name: part.shape for part in spec} == {
    'image': (64, 64, 3),
    'state': (7,),
  }


@needs_real_sets
def test_bridge_has_225_transitions_and_none_across_two_episodes():
  config.load(
    ['task/bridge.gin'],
    [
      'TrainConfig.pretrain_steps = 1',
      f'TrainConfig.demonstrations = "{BRIDGE}"',
    ],
  )
  reading = demonstrations.DemonstrationReader(train_config.TrainConfig().sets)
  gin.clear_config()
  stored = list(reader.read_stored(str(BRIDGE)))
  episodes = list(reading.read())
  assert sum(episode.length for episode in episodes) == 225
  for episode, raw in zip(episodes, stored, strict=True):
    assert episode.is_terminal and episode.reward[-2] == 1
    np.testing.assert_array_equal(
      episode.observation['state'], raw.steps['observation']['state']
    )


@pytest.mark.parametrize('variant', ['bc', 'awopt'])
def test_the_door_is_learnt(train, tmp_path, capsys, door, variant):
  line = train(
    'base/state.gin',
    'task/door.gin',
    f'variant/{variant}.gin',
    bindings=[f'TrainConfig.demonstrations = "{door}"'],
  )
  _is_learnt(line, tmp_path)
  # 6,729 steps are 6,704 transitions of 28 numbers.
  assert ' of 187712 action values were cut' in capsys.readouterr().out


def test_gin_gives_each_set_a_weight_a_split_and_a_mapping():
  config.load(
    [],
    [
      'TrainConfig.pretrain_steps = 1',
      'TrainConfig.practice_episodes = 1',
      'TrainConfig.demonstrations = [@a/Demonstrations(), @b/Demonstrations()]',
      'a/Demonstrations.source = "green_bowl_demos"',
      'a/Demonstrations.weight = 3',
      'b/Demonstrations.source = "green_bowl_demos"',
      'b/Demonstrations.split = "train[:10%]"',
      'b/Demonstrations.weight = 1',
      'b/Demonstrations.mapping = @b/Mapping()',
      'b/Mapping.success = "all"',
    ],
  )
  first, second = train_config.TrainConfig().sets
  assert 'b/Mapping.success = ' in config.operative()
  gin.clear_config()
  assert (first.weight, first.split) == (3, 'train')
  assert (second.weight, second.split) == (1, 'train[:10%]')
  assert (first.mapping.success, second.mapping.success) == ('return', 'all')
  reading = demonstrations.DemonstrationReader([first, second])
  # Twelve of the second set, and three of the first for each of them.
  assert len(list(reading.read())) in range(47, 52)
