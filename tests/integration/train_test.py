"""awopt-train, awopt-evaluate and awopt-export as programs."""

import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from awopt_agent.serving import predictor
from awopt_agent.train import checkpoints
from tests.train import fakes

_LIMIT_S = 240
# Each program with a replay says this first.
_EXPOSURE = 'replay: Reverb listens on every network interface'


class Run:
  """A folder of a run, and the programs that work in it.

  Attributes:
    root: The run's folder.
    temporary: Where the programs may put temporary files.
    warnings: Lines of the last program about the network.
  """

  def __init__(self, folder):
    self.root = folder / 'run'
    self.temporary = folder / 'tmp'
    self.temporary.mkdir()
    self.gin_file = folder / 'tiny.gin'
    self.gin_file.write_text(fakes.TINY_GIN)  # Nothing here measures success.
    self._folder = folder

  def start(self, program, *flags):
    command = [sys.executable, '-m', f'awopt_agent.train.{program}']
    # Without the settings that the tests themselves run with.
    names = ('PATH', 'HOME', 'LANG')
    env = {name: os.environ[name] for name in names if name in os.environ}
    root = str(pathlib.Path(__file__).parent.parent.parent)
    return subprocess.Popen(
      [*command, '--root_dir', str(self.root), *flags],
      cwd=self._folder,
      env={**env, 'TMPDIR': str(self.temporary), 'PYTHONPATH': root},
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
      start_new_session=True,
    )

  def train(self, *flags):
    return self.start('train', '--gin_file', str(self.gin_file), *flags)

  def finish(self, process):
    """Returns exit code, stdout without its warning, and stderr."""
    try:
      out, err = process.communicate(timeout=_LIMIT_S)
    except subprocess.TimeoutExpired:
      os.killpg(process.pid, signal.SIGKILL)
      raise
    lines = out.splitlines(keepends=True)
    self.warnings = [line for line in lines if line.startswith(_EXPOSURE)]
    out = ''.join(line for line in lines if line not in self.warnings)
    return process.returncode, out, err

  def records(self):
    path = self.root / 'metrics.jsonl'
    text = path.read_text() if path.exists() else ''
    return [json.loads(line) for line in text.splitlines()]

  def latest(self):
    """Returns the newest checkpoint's folder and state, or two Nones."""
    path = checkpoints.CheckpointStore(
      str(self.root / 'checkpoints'), None
    ).latest()
    return (path, checkpoints.read_state(path)) if path else (None, None)

  def wait_for_practice(self, process, episodes):
    """Waits until a checkpoint holds more than so many episodes."""
    end = time.monotonic() + _LIMIT_S
    while time.monotonic() < end and process.poll() is None:
      try:
        _, state = self.latest()
      except ValueError:
        continue  # It was deleted for a newer one meanwhile.
      if state and state['practised_episodes'] > episodes:
        return
      time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    pytest.fail(f'no practice: {process.communicate()}')

  def left_over(self, process):
    """Returns processes and temporary files that should not be there."""
    end = time.monotonic() + 20
    while _members_of(process.pid) and time.monotonic() < end:
      time.sleep(0.1)
    # TensorFlow's autograph leaves the compiled form of its own files, and
    # after a kill these too; multiprocessing then leaves the folder of its
    # fork server's socket.
    litter = [
      name
      for name in os.listdir(self.temporary)
      if not name.startswith(('__autograph', '__pycache__', 'pymp-'))
    ]
    return [*_members_of(process.pid), *litter]

  def contents(self):
    """Returns a sum of each file of the folder, summaries aside."""
    return {
      str(path.relative_to(self.root)): hashlib.sha256(
        path.read_bytes()
      ).hexdigest()
      for path in sorted(self.root.rglob('*'))
      if path.is_file() and 'tb' not in path.parts
    }


def _members_of(group):
  """Returns the processes of a group that still run."""
  found = []
  for name in filter(str.isdigit, os.listdir('/proc')):
    try:
      if os.getpgid(int(name)) != group:
        continue
      stat = pathlib.Path('/proc', name, 'stat').read_text()
    except (FileNotFoundError, ProcessLookupError):
      continue
    # A zombie only waits until somebody asks for its exit code.
    if stat.rpartition(')')[2].split()[0] not in 'ZX':
      found.append(name)
  return found


def _child_of(parent, command=''):
  """Returns the process that `parent` started, by a part of its command."""
  for name in filter(str.isdigit, os.listdir('/proc')):
    folder = pathlib.Path('/proc', name)
    try:
      stat = (folder / 'stat').read_text().rpartition(')')[2].split()
      if stat[1] == str(parent) and command in (folder / 'cmdline').read_text():
        return name
    except (FileNotFoundError, ProcessLookupError):
      continue
  raise LookupError(f'process {parent} has no child {command}')


@pytest.fixture(name='whole', scope='module')
def _whole(tmp_path_factory):
  """A run from beginning to end."""
  run = Run(tmp_path_factory.mktemp('whole'))
  process = run.train()
  run.code, run.out, run.err = run.finish(process)
  assert len(run.warnings) == 1
  run.left = run.left_over(process)
  run.first_records = run.records()
  return run


def test_a_run_ends_well_and_says_what_it_learnt(whole):
  assert (whole.code, whole.err) == (0, '')
  # A slow machine prints its progress in between.
  progress = ('pre-training: ', 'practice: ')
  lines = [
    line for line in whole.out.splitlines() if not line.startswith(progress)
  ]
  assert lines[0].startswith('after pre-training: success in 8 episodes')
  assert lines[-2].startswith('after practice: success in 8 episodes')
  assert lines[-1].startswith('learnt: success ')
  assert lines[-1].endswith(f'{whole.root}/policies/{_step(whole)}')


def _step(run):
  return run.first_records[-1]['learner_step']


def test_a_run_leaves_no_process_and_no_litter(whole):
  assert whole.left == []
  assert sorted(path.name for path in whole.root.iterdir()) == [
    'checkpoints',
    'config.gin',
    'metrics.jsonl',
    'policies',
    'replay',
    'run.json',
    'tb',
  ]
  assert os.listdir(whole.root / 'replay') == []
  names = os.listdir(whole.root / 'checkpoints')
  assert 1 <= len(names) <= 2
  assert all(name.isdigit() for name in names)


def test_a_run_records_each_evaluation(whole):
  phases = [record['phase'] for record in whole.first_records]
  assert (phases[0], phases[-1]) == ('pretrain', 'end')
  assert set(phases[1:-1]) == {'practice'}
  last = whole.first_records[-1]
  assert last['episodes'] >= 24
  assert {rate['n'] for rate in last['success'].values()} == {8}


def test_the_policy_of_a_run_can_be_served(whole):
  policy = predictor.Predictor(str(whole.root / 'policies'))
  observation = {
    part.name: np.zeros(part.shape, np.float32)
    for part in policy.observation_spec
  }
  action = policy.predict(observation)
  assert action['world_vector'].shape == (3,)
  assert policy.metadata['train_step'] == _step(whole)
  assert policy.metadata['success'] == whole.first_records[-1]['success']


def test_the_stored_configuration_is_the_one_in_force(whole):
  text = (whole.root / 'config.gin').read_text()
  for line in (
    'MlpCritic.layers = (16,)',
    'policy/CemConfig.samples = 8',
    "make.task = 'green_bowl'",
    'TrainConfig.practice_episodes = 24',
    'ReplayConfig.max_success_items = 200000',
  ):
    assert line in text.splitlines()
  version = whole.root / 'policies' / str(_step(whole))
  assert (version / 'assets.extra' / 'config.gin').read_text() == text


def test_evaluate_measures_and_films(whole):
  flags = ('--episodes', '8', '--videos', '1', '--format', 'gif')
  code, out, err = whole.finish(whole.start('evaluate', *flags))
  assert (code, err) == (0, '')
  (line,) = out.splitlines()
  assert line.startswith(f'cem_with_candidate at step {_step(whole)}: success ')
  assert ' of 8; video in ' in line
  video = pathlib.Path(line.rpartition(' ')[2])
  assert video.parent == whole.root / 'videos'
  assert video.read_bytes()[:3] == b'GIF'
  record = whole.records()[-1]
  assert record['phase'] == 'evaluate'
  assert record['success']['cem_with_candidate']['n'] == 8


def test_export_writes_the_newest_checkpoint_again(whole, tmp_path):
  code, out, err = whole.finish(
    whole.start('export', '--out', str(tmp_path / 'served'))
  )
  assert (code, err) == (0, '')
  assert out == (
    f'exported learner step {_step(whole)} to '
    f'{tmp_path}/served/{_step(whole)}\n'
  )
  again = predictor.Predictor(str(tmp_path / 'served'))
  first = predictor.Predictor(str(whole.root / 'policies'))
  observation = {
    part.name: np.full((3, *part.shape), 0.1, np.float32)
    for part in first.observation_spec
  }
  for name, value in first.predict(observation).items():
    np.testing.assert_array_equal(value, again.predict(observation)[name])


# One run that is ended three times, and goes on each time.

_ENDLESS = ('--gin_bindings', 'TrainConfig.practice_episodes = 1000000')


@pytest.fixture(name='broken', scope='module')
def _broken(tmp_path_factory):
  """Yields a run in which each entry of `ends` is an end: what came of it."""
  run = Run(tmp_path_factory.mktemp('broken'))
  run.ends = {}
  episodes = 0
  for name, end in (
    ('terminate', lambda p: p.terminate()),
    # As a terminal does, to the whole group.
    ('interrupt', lambda p: os.killpg(p.pid, signal.SIGINT)),
    ('kill', lambda p: p.kill()),
  ):
    process = run.train(*_ENDLESS)
    run.wait_for_practice(process, episodes)
    began = time.monotonic()
    end(process)
    result = run.finish(process)
    seconds = time.monotonic() - began
    latest, state = run.latest()
    run.ends[name] = (*result, seconds, latest, run.left_over(process))
    episodes = state['practised_episodes']
  return run


@pytest.mark.programs
@pytest.mark.parametrize('end', ['terminate', 'interrupt'])
def test_a_request_to_stop_saves_and_says_how_to_go_on(broken, end):
  code, out, err, seconds, latest, left = broken.ends[end]
  (line,) = err.splitlines()
  assert code == 1
  step = int(os.path.basename(latest))
  assert line.startswith(f'awopt-train: stopped at learner step {step}, saved')
  assert line.endswith('the same command goes on.')
  assert left == []
  assert seconds < 60


@pytest.mark.programs
@pytest.mark.parametrize(
  'end, before', [('interrupt', 'terminate'), ('kill', 'interrupt')]
)
def test_the_next_start_goes_on_where_the_last_one_saved(broken, end, before):
  out, saved = broken.ends[end][1], broken.ends[before][4]
  first = out.splitlines()[0]
  assert first.startswith(
    f'resumed from {saved}: learner step {int(os.path.basename(saved))}, '
  )
  # What was done before is not done again.
  assert 'pre-training' not in out


@pytest.mark.programs
def test_a_kill_leaves_no_process_and_a_whole_checkpoint(broken):
  code, _, _, _, latest, left = broken.ends['kill']
  assert code == -signal.SIGKILL
  assert [name for name in left if name.isdigit()] == []
  assert os.path.exists(os.path.join(latest, 'manifest.json'))


@pytest.mark.programs
def test_after_a_kill_the_run_ends_as_an_unbroken_one(broken):
  latest, state = broken.latest()
  episodes = state['practised_episodes']
  more = f'TrainConfig.practice_episodes = {episodes + 8}'
  process = broken.train('--gin_bindings', more)
  code, out, err = broken.finish(process)
  assert (code, err) == (0, '')
  lines = out.splitlines()
  assert lines[0].startswith(f'resumed from {latest}: ')
  assert lines[0].endswith(f', {episodes} episodes of practice')
  assert lines[-1].startswith('learnt: success ')
  assert broken.left_over(process) == []
  records = broken.records()
  assert [r['phase'] for r in records].count('pretrain') == 1
  assert [r['phase'] for r in records].count('resume') == 3
  steps = [record['learner_step'] for record in records]
  resumed = [r['learner_step'] for r in records if r['phase'] == 'resume']
  # Only a kill may take the count back: to the checkpoint before it.
  assert sorted(resumed) == resumed
  assert steps[-1] > resumed[-1]
  assert records[-1]['episodes'] >= episodes + 8
  predictor.Predictor(str(broken.root / 'policies'))


@pytest.mark.programs
def test_an_environment_that_dies_ends_the_run_with_one_line(broken):
  process = broken.train(*_ENDLESS)
  _, state = broken.latest()
  broken.wait_for_practice(process, state['practised_episodes'])
  child = _child_of(_child_of(process.pid, 'forkserver'))
  os.kill(int(child), signal.SIGKILL)
  code, _, err = broken.finish(process)
  assert code == 1
  (line,) = err.splitlines()
  assert 'environment process has died (exit code -9' in line
  assert broken.left_over(process) == []
