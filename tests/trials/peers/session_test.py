"""What ends a run before it begins, and one that learns; whole programs too."""

import json
import signal
import sys

import gin
import pytest

from awopt_agent import quiet
from awopt_agent.train import run_folder, threads
from awopt_agent.trials.peers import process as process_lib
from awopt_agent.trials.peers import train
from tests.train import fakes as train_fakes
from tests.trials.peers import fakes


@pytest.fixture(name='run')
def _run(monkeypatch, capsys, tmp_path):
  """Runs the program in this process: code, stdout and stderr."""
  term, interrupt = map(signal.getsignal, (signal.SIGTERM, signal.SIGINT))
  monkeypatch.setattr(threads, 'use_cores', lambda: None)
  monkeypatch.setattr(quiet, 'drop_native_notices', lambda: None)
  gin_file = tmp_path / 'tiny.gin'
  gin_file.write_text(train_fakes.TINY_GIN)

  def run(*bindings, python=sys.executable, peer='iql'):
    flags = [f'--gin_bindings={line}' for line in bindings]
    root = str(tmp_path / 'run')
    fixed = ['--root_dir', root, '--peer', peer, '--d3rlpy', python]
    monkeypatch.setattr(
      sys, 'argv', ['train', f'--gin_file={gin_file}', *fixed, *flags]
    )
    try:
      train.main()
      code = 0
    except SystemExit as end:
      code = end.code
    out, err = capsys.readouterr()
    if isinstance(code, str):  # Python itself prints it, and exits with 1.
      code, err = 1, err + code
    return code, out, err

  yield run
  signal.signal(signal.SIGTERM, term)
  signal.signal(signal.SIGINT, interrupt)
  gin.clear_config()


@pytest.fixture(name='nearest')
def _nearest(monkeypatch):
  """Has the peer without d3rlpy learn."""
  monkeypatch.setattr(process_lib, 'command', lambda _: fakes.NEAREST)


def _refusal(result):
  code, _, err = result
  assert code == 1
  line = err.splitlines()[-1]
  assert line.startswith('awopt_agent.trials.peers.train: ')
  assert 'Traceback' not in err
  return line


@pytest.mark.parametrize(
  'binding, named',
  [
    ('PeerConfig.nope = 1', "'nope'"),
    ('TrainConfig.demonstrations = "no/demos"', 'no/demos'),
    ('TrainConfig.split = "train[:0]"', 'is empty'),
    ('make.task = "fly"', "unknown task 'fly'"),
  ],
)
def test_bad_bindings_are_one_line_before_any_work(run, binding, named):
  assert named in _refusal(run(binding))


def test_a_run_without_an_environment_is_refused(run):
  line = _refusal(
    run('TrainConfig.offline = True', 'TrainConfig.practice_episodes = 0')
  )
  assert 'TrainConfig.offline' in line


def test_a_python_that_is_none_is_named(run):
  assert '--d3rlpy nowhere' in _refusal(run(python='nowhere'))


def test_a_python_without_d3rlpy_is_named_by_what_it_lacks(run, tmp_path):
  assert "No module named 'd3rlpy'" in _refusal(run())
  assert (tmp_path / 'run' / 'peer.log').read_text()


def test_the_folder_of_another_run_is_left_alone(run, tmp_path):
  folder = tmp_path / 'run'
  folder.mkdir()
  (folder / 'config.gin').write_text('TrainConfig.pretrain_steps = 1\n')
  assert "no peer's" in _refusal(run())
  assert not (folder / 'checkpoints').exists()


def test_a_run_learns_and_a_second_start_has_nothing_to_do(
  run, nearest, tmp_path, monkeypatch
):
  # It is for one process alone.
  monkeypatch.setattr(run_folder.RunFolder, 'lock', lambda _: None)
  code, out, _ = run()
  assert code == 0
  assert out.splitlines()[-1].startswith('learnt: success ')
  folder = tmp_path / 'run'
  with (folder / 'metrics.jsonl').open() as file:
    phases = [json.loads(line)['phase'] for line in file]
  assert phases[0] == 'pretrain'
  assert phases[-1] == 'end'
  config = (folder / 'config.gin').read_text()
  assert 'IqlPeer.expectile = 0.7\n' in config
  assert 'PeerConfig.layers = (16,)\n' in config  # As MlpActor's.
  code, out, _ = run()
  assert code == 0
  assert out.startswith('finished before: success ')
  assert 'IqlPeer.expectile: 0.7 -> 0.9' in _refusal(
    run('IqlPeer.expectile = 0.9')
  )


@pytest.mark.programs
@fakes.needs_d3rlpy
@pytest.mark.parametrize('peer', train.PEERS)
def test_each_peer_of_d3rlpy_goes_through_all_phases(run, tmp_path, peer):
  code, out, _ = run(peer=peer, python=fakes.D3RLPY)
  assert code == 0, out
  assert out.splitlines()[-1].startswith('learnt: success ')
  with (tmp_path / 'run' / 'peer.json').open() as file:
    told = json.load(file)
  assert told['peer'] == peer
  assert told['versions']['d3rlpy'] == '2.8.1'
