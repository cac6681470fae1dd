"""What ends a run before it begins; whole runs: tests/integration."""

import json
import os
import signal
import sys

import gin
import pytest

from awopt_agent import quiet
from awopt_agent.demos import writer
from awopt_agent.train import checkpoints, threads, train
from tests.demos import fakes as demo_fakes
from tests.train import fakes


@pytest.fixture(name='run')
def _run(monkeypatch, capsys, tmp_path):
  """Runs awopt-train in this process: code, stdout and stderr."""
  term, interrupt = map(signal.getsignal, (signal.SIGTERM, signal.SIGINT))
  # They are for a process of the program's own.
  monkeypatch.setattr(threads, 'use_cores', lambda: None)
  monkeypatch.setattr(quiet, 'drop_native_notices', lambda: None)
  gin_file = tmp_path / 'tiny.gin'
  gin_file.write_text(fakes.TINY_GIN)

  def run(*flags, gin_files=(str(gin_file),), root=tmp_path / 'run'):
    files = [f'--gin_file={name}' for name in gin_files]
    monkeypatch.setattr(
      sys, 'argv', ['awopt-train', '--root_dir', str(root), *files, *flags]
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


def _refusal(result):
  code, out, err = result
  assert (code, out) == (1, '')
  # Below it TensorFlow may log, which the program silences.
  line = err.splitlines()[-1]
  assert line.startswith('awopt-train: ')
  assert 'Traceback' not in err
  return line


@pytest.mark.parametrize(
  'binding, named',
  [
    ('Nope.x = 1', "'Nope'"),
    ('TrainConfig.nope = 1', "'nope'"),
    ('TrainConfig.pretrain_steps = "ten"', 'pretrain_steps must be int'),
    ('TrainConfig.demonstrations = "no/demos"', 'no/demos'),
    ('TrainConfig.split = "test"', "no split 'test'"),
    ('TrainConfig.split = "train[:0]"', 'is empty'),
    ('make.task = "fly"', "unknown task 'fly'"),
  ],
)
def test_bad_bindings_are_one_line_before_any_work(
  run, tmp_path, binding, named
):
  assert named in _refusal(run('--gin_bindings', binding))
  assert not list(tmp_path.glob('run/*'))


def test_an_unknown_gin_file_is_one_line(run, tmp_path):
  line = _refusal(run(gin_files=['nope.gin']))
  assert 'nope.gin' in line
  assert not (tmp_path / 'run').exists()


def test_missing_required_bindings_are_named_with_the_remedy(run):
  line = _refusal(
    run('--gin_bindings', 'TrainConfig.practice_episodes = 1', gin_files=[])
  )
  assert "['demonstrations', 'pretrain_steps']" in line
  assert line.endswith('bind them by --gin_file or --gin_bindings.')


def test_an_empty_folder_of_demonstrations_is_one_line(run, tmp_path):
  (tmp_path / 'demos').mkdir()
  binding = f'TrainConfig.demonstrations = "{tmp_path / "demos"}"'
  assert str(tmp_path / 'demos') in _refusal(run('--gin_bindings', binding))


def test_demonstrations_of_another_task_are_one_line_and_make_no_run(
  run, tmp_path
):
  folder = str(tmp_path / 'other_demos')
  episodes = [demo_fakes.make_episode(3, seed=seed) for seed in range(4)]
  writer.write_episodes(episodes, folder, **demo_fakes.SPECS)
  line = _refusal(
    run('--gin_bindings', f'TrainConfig.demonstrations = "{folder}"')
  )
  assert 'episode 0' in line
  assert not list(tmp_path.glob('run/*'))


def test_a_file_in_the_place_of_the_folder_is_one_line(run, tmp_path):
  (tmp_path / 'file').write_text('mine')
  line = _refusal(run(root=tmp_path / 'file' / 'run'))
  assert 'cannot write to' in line
  assert (tmp_path / 'file').read_text() == 'mine'


def test_a_folder_that_nobody_can_make_is_one_line(run):
  assert '/proc/run' in _refusal(run(root='/proc/run'))


@pytest.mark.parametrize('flags', [['--seed', '-1'], ['--seed', 'x'], ['--no']])
def test_bad_usage_is_one_line_and_code_2(run, flags):
  code, out, err = run(*flags)
  assert (code, out) == (2, '')
  assert len(err.splitlines()) == 1


def test_a_dry_run_builds_everything_and_leaves_nothing(run, tmp_path):
  code, out, _ = run('--dry_run')
  assert code == 0
  assert out == (
    f'dry run: 4 demonstrations, {tmp_path}/run, a new run: all fits.\n'
  )
  assert not list(tmp_path.glob('run/*'))


def test_a_dry_run_finds_what_a_run_would_meet(run, tmp_path):
  fakes.make_run(tmp_path / 'run')
  # The gin file is the run's own, the seed is not.
  assert '--seed: 2 -> 0' in _refusal(run('--dry_run'))


def _contents(folder):
  return {
    path: path.read_bytes() for path in folder.rglob('*') if path.is_file()
  }


# The headline is CEM with the actor's candidate; where the headline alone is
# evaluated, a run without practice has the actor's rate in its place.
@pytest.mark.parametrize('kind', ['cem_with_candidate', 'actor'])
def test_a_run_with_nothing_left_to_do_says_so_and_changes_nothing(
  run, tmp_path, kind
):
  fakes.make_run(tmp_path / 'run', step=30, seed=0)
  success = {'rate': 0.5, 'n': 8, 'low': 0.2, 'high': 0.8}
  record = {'phase': 'end', 'learner_step': 30}
  record['success'] = {kind: success}
  (tmp_path / 'run' / 'metrics.jsonl').write_text(json.dumps(record) + '\n')
  before = _contents(tmp_path / 'run')
  code, out, err = run('--gin_bindings', 'TrainConfig.practice_episodes = 0')
  assert (code, err) == (0, '')
  (line,) = out.splitlines()
  assert line.startswith('finished before: success 0.50 ')
  assert 'practice_episodes' in line
  assert _contents(tmp_path / 'run') == before


def test_another_configuration_is_refused_by_name(run, tmp_path):
  fakes.make_run(tmp_path / 'run', seed=0)
  before = _contents(tmp_path / 'run')
  flags = ('--gin_bindings', 'CriticConfig.gamma = 0.5', '--seed', '3')
  line = _refusal(run(*flags))
  assert 'CriticConfig.gamma: 0.95 -> 0.5' in line
  assert '--seed: 0 -> 3' in line
  assert _contents(tmp_path / 'run') == before


@pytest.fixture(name='two_checkpoints')
def _two_checkpoints(tmp_path):
  """A run with two checkpoints; returns their folders."""
  agent = fakes.make_run(tmp_path / 'run', step=30, seed=0)
  store = checkpoints.CheckpointStore(
    str(tmp_path / 'run' / 'checkpoints'), agent
  )
  state = {'practised_episodes': 0, 'pretrained': True}
  return store.latest(), store.save(60, fakes.FakeReplay(), state)


def test_a_damaged_checkpoint_is_passed_over_with_one_line(
  run, two_checkpoints
):
  older, newer = two_checkpoints
  os.truncate(os.path.join(newer, 'agent.data-00000-of-00001'), 1000)
  code, out, _ = run('--dry_run')
  assert code == 0
  passed, summary = out.splitlines()
  assert passed.startswith(f'passed over the damaged checkpoint {newer} (agent')
  assert f'resumes {older}: all fits' in summary


def test_only_damaged_checkpoints_end_the_start(run, tmp_path, two_checkpoints):
  for path in two_checkpoints:
    os.remove(os.path.join(path, 'replay', 'DONE'))
  before = _contents(tmp_path / 'run')
  line = _refusal(run())
  assert f'{two_checkpoints[1]} is damaged (replay/DONE is missing)' in line
  assert _contents(tmp_path / 'run') == before


@pytest.mark.parametrize(
  'binding', ['CheckpointConfig.keep = 5', 'CheckpointConfig.max_disk_mb = 9']
)
def test_what_is_kept_may_change_on_the_way(run, tmp_path, binding):
  fakes.make_run(tmp_path / 'run', seed=0)
  code, out, _ = run('--dry_run', '--gin_bindings', binding)
  assert code == 0
  assert 'resumes ' in out
