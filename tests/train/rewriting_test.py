import argparse

import gin
import numpy as np
import pytest

from awopt_agent.demos import reader, writer
from awopt_agent.train import config, demos_flags, rewriting
from tests.demos import fakes


def test_flags_say_what_is_kept_joined_and_shared_out(tmp_path):
  source, out = str(tmp_path / 'four'), str(tmp_path / 'some')
  episodes = [
    fakes.make_episode(1 + k, success=k != 1, seed=k) for k in range(4)
  ]
  writer.write_episodes(episodes, source, **fakes.SPECS)
  flags = argparse.Namespace(
    source=source,
    out=out,
    split=None,
    success=True,
    min_length=0,
    max_length=3,
    index=None,
    without=[],
    unique=False,
  )
  line = rewriting.filter_set(flags)
  assert line == f'{out}/1.0.0: train 2 episodes'
  assert [e.length for e in reader.read_episodes(out)] == [1, 3]
  flags = argparse.Namespace(source=[source, out], out=str(tmp_path / 'all'))
  assert rewriting.merge(flags).endswith('all/1.0.0: train 6 episodes')
  flags = argparse.Namespace(
    source=source,
    out=str(tmp_path / 'parts'),
    into={'a': 1.0, 'b': 1.0},
    split='train',
    seed=3,
    in_order=True,
  )
  line = rewriting.split(flags)
  assert line.endswith('parts/1.0.0: a 2, b 2 episodes')
  assert [e.length for e in reader.read_episodes(flags.out, 'b')] == [3, 4]


def _convert(tmp_path, **changes):
  rows = np.arange(8.0).reshape(8, 1)
  np.savez(
    tmp_path / 'demos.npz',
    observations=rows,
    actions=rows / 10,
    rewards=np.ones(8, np.float32),
    episode_lengths=np.array([3, 1, 4]),
  )
  flags = {
    'source': str(tmp_path / 'demos.npz'),
    'out': str(tmp_path / 'mine'),
    'format': None,
    'option': [],
    'split': 'train',
    'strict': False,
  }
  return rewriting.convert(argparse.Namespace(**{**flags, **changes}))


def test_an_archive_is_converted_and_what_is_refused_is_told(tmp_path, capsys):
  line = _convert(tmp_path)
  out = tmp_path / 'mine'
  assert line == f'{out}/1.0.0: train 2 episodes, 1 refused'
  (reason,) = capsys.readouterr().err.splitlines()
  assert reason.startswith('refused: ') and 'episode 1' in reason
  first, second = reader.read_stored(str(out))
  assert first.steps['observation'].dtype == np.float64
  assert first.steps['action'][:, 0].tolist() == [0, 0.1, 0.2]
  assert second.num_steps == 4


def test_a_strict_conversion_stops_and_leaves_nothing(tmp_path):
  with pytest.raises(ValueError, match='episode 1'):
    _convert(tmp_path, strict=True)
  assert [path.name for path in tmp_path.iterdir()] == ['demos.npz']


def test_an_option_that_the_format_lacks_is_named(tmp_path):
  with pytest.raises(ValueError, match="no option 'fps'"):
    _convert(tmp_path, option=[('fps', 3)])


def test_a_threshold_of_the_configuration_decides(tmp_path):
  source, out = str(tmp_path / 'two'), str(tmp_path / 'some')
  episodes = [fakes.make_episode(2), fakes.make_episode(3, seed=1)]
  episodes[1].reward[0] = 5
  writer.write_episodes(episodes, source, **fakes.SPECS)
  config.load([], ['TrainConfig.success_threshold = 5.5'])
  flags = demos_flags.parse(['filter', source, '--out', out, '--successes'])
  rewriting.filter_set(flags)
  gin.clear_config()
  assert [e.length for e in reader.read_episodes(out)] == [3]


def test_a_place_that_no_split_has_is_named(tmp_path):
  source = str(tmp_path / 'one')
  writer.write_episodes([fakes.make_episode(2)], source, **fakes.SPECS)
  flags = demos_flags.parse(
    ['filter', source, '--out', str(tmp_path / 'b'), '--index', '0,9']
  )
  with pytest.raises(ValueError, match='no episode 9: the last one is 0'):
    rewriting.filter_set(flags)
