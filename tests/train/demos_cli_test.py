import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from awopt_agent import envs
from awopt_agent.demos import reader
from awopt_agent.train import demos_cli


@pytest.fixture(name='run')
def _run(monkeypatch, capsys):
  """Runs the program in this process: code, stdout and stderr."""
  term = signal.getsignal(signal.SIGTERM)

  def run(*arguments):
    monkeypatch.setattr(sys, 'argv', ['awopt-demos', *arguments])
    try:
      demos_cli.main()
      code = 0
    except SystemExit as end:
      code = end.code
    out, err = capsys.readouterr()
    # Python itself prints a string, and exits with 1.
    return (1, out, err + code) if isinstance(code, str) else (code, out, err)

  yield run
  signal.signal(signal.SIGTERM, term)


def _record(run, folder, *more):
  return run('record', '--out', str(folder), '--episodes', '3', *more)


def test_records_a_set_and_says_what_it_did(run, tmp_path):
  folder = tmp_path / 'some_demos'
  code, out, err = _record(run, folder, '--seed', '3', '--noise', '0')
  assert code == 0
  assert out.startswith(f'{folder}/1.0.0: kept 3 of 3 episodes; 3 succeeded')
  assert err.splitlines()[-1] == '3 of 3 episodes'
  episodes = list(reader.read_episodes(str(folder)))
  assert [episode.success for episode in episodes] == [True] * 3


def test_gin_reaches_what_is_recorded(run, tmp_path):
  folder = tmp_path / 'seen_demos'
  code, _, err = _record(
    run,
    folder,
    '--observation=image',
    '--gin_file=task/green_bowl.gin',
    '--gin_bindings=ImageSensor.pixels = 48',
  )
  assert code == 0, err
  episode = next(iter(reader.read_episodes(str(folder))))
  assert episode.observation['image'].shape[1:] == (48, 48, 3)


def test_a_binding_that_does_not_exist_is_named(run, tmp_path):
  code, _, err = _record(
    run, tmp_path / 'a_demos', '--gin_bindings=ImageSensor.size = 48'
  )
  assert code == 1
  assert 'size' in err
  assert len(err.splitlines()) == 1


def test_inspects_what_it_recorded(run, tmp_path):
  folder = tmp_path / 'some_demos'
  _record(run, folder, '--noise', '0')
  code, out, err = run('inspect', str(folder), '--split', 'train[:2]')
  assert (code, err) == (0, '')
  assert out.startswith('episodes  2, ')
  assert 'action/world_vector         [3]           float32' in out


def test_sets_are_edited_into_new_ones(run, tmp_path):
  a, b, c, d = (str(tmp_path / f'{name}_demos') for name in 'abcd')
  _record(run, a)
  code, out, err = run('merge', a, a, '--out', b)
  assert (code, err, out) == (0, '', f'{b}/1.0.0: train 6 episodes\n')
  code, out, _ = run('filter', b, '--out', c, '--unique', '--without', '0-1')
  assert (code, out) == (0, f'{c}/1.0.0: train 3 episodes\n')
  code, out, _ = run('split', c, '--out', d, '--into', 'train=2,val=1')
  assert (code, out) == (0, f'{d}/1.0.0: train 2, val 1 episodes\n')


def test_validate_ends_with_1_where_training_would_be_spoilt(run, tmp_path):
  a, b = (str(tmp_path / f'{name}_demos') for name in 'ab')
  _record(run, a)
  code, out, err = run('validate', a)
  assert (code, err) == (0, '')
  assert out.endswith(f'{a}: fit\n')
  run('merge', a, a, '--out', b)
  code, out, err = run(
    'validate', b, '--gin_bindings', 'Mapping.success_threshold = 2.0'
  )
  assert (code, err) == (1, '')
  assert 'no episode succeeds' in out
  assert 'is in the split twice' in out


def test_plays_what_it_recorded_and_the_same_episode_live(run, tmp_path):
  pytest.importorskip('imageio')
  folder, path = tmp_path / 'some_demos', str(tmp_path / 'new' / 'a.gif')
  _record(run, folder)
  for more in ['--demos', str(folder)], ['--noise', '0']:
    code, out, err = run('play', '--out', path, '--episodes', '1', *more)
    assert (code, err) == (0, '')
    assert out.startswith(f'{path}: ')
    assert out.endswith(' 1 of 1 succeeded\n')
    assert os.path.getsize(path) > 1000


def test_keeps_failures_when_asked(run, tmp_path):
  folder = tmp_path / 'bad_demos'
  code, out, _ = _record(run, folder, '--noise', '5', '--all')
  assert code == 0
  assert 'kept 3 of 3 episodes; 0 succeeded' in out


def test_the_seed_decides_every_byte(run, tmp_path):
  contents = []
  for name, seed in (('a', '5'), ('b', '5'), ('c', '6')):
    folder = tmp_path / name / 'same_demos'
    _record(run, folder, '--seed', seed)
    files = sorted((folder / '1.0.0').glob('*.tfrecord*'))
    contents.append([file.read_bytes() for file in files])
  assert contents[0] == contents[1]
  assert contents[0] != contents[2]


@pytest.mark.parametrize(
  'arguments, named',
  [
    (['record', '--out', '{}/some_demos', '--task', 'fly'], "task 'fly'"),
    (['record', '--out', '{}/Some-Demos'], "'Some-Demos' cannot name"),
    (['record', '--out', '{}/x', '--noise', '-1'], 'noise is a standard'),
    (['record', '--out', '{}/file/x'], 'cannot write to {}/file/x: '),
    (['record', '--out', '{}/x', '--noise', '9'], 'who acts succeeded in'),
    (['play', '--out', '{}/a.avi'], "'{}/a.avi' must end in one of"),
    (['play', '--out', '{}/a.gif', '--task', 'fly'], "unknown task 'fly'"),
    (['play', '--out', '{}/a.gif', '--demos', '{}/b'], 'no folder {}/b'),
    (['play', '--out', '{}/a.gif', '--policy', '{}/b'], '{}/b is no folder'),
    (['play', '--out', '{}/file/a.gif'], 'cannot write {}/file/a.gif: '),
    (['inspect', '{}/nothing'], 'no folder {}/nothing'),
    (['inspect', '{}'], 'the folder {} holds no TFDS data set'),
    (['inspect', 'green_bowl_demos', '--split', 'tset'], "no split 'tset'"),
    (['inspect', 'green_bowl_demos', '--split', 'train[:0]'], 'is empty'),
  ],
)
def test_what_cannot_be_done_is_one_line(run, tmp_path, arguments, named):
  (tmp_path / 'file').write_text('')
  code, out, err = run(*(part.format(tmp_path) for part in arguments))
  assert (code, out) == (1, '')
  (line,) = err.splitlines()
  assert line.startswith('awopt-demos: ' + named.format(tmp_path)) or (
    named in line
  )
  assert [path.name for path in tmp_path.iterdir()] == ['file']


@pytest.mark.parametrize(
  'arguments',
  [
    [],
    ['fly'],
    ['record'],
    ['inspect'],
    ['record', '--out', 'x', '--episodes', '0'],
    ['record', '--out', 'x', '--seed', '-1'],
    ['record', '--out', 'x', '--keep', 'x'],
    ['play'],
    ['validate'],
    ['filter', 'x'],
    ['filter', 'x', '--out', 'y', '--successes', '--failures'],
    ['filter', 'x', '--out', 'y', '--index', 'a-b'],
    ['merge', '--out', 'y'],
    ['split', 'x', '--out', 'y'],
    ['split', 'x', '--out', 'y', '--into', 'train'],
    ['split', 'x', '--out', 'y', '--into', 'train=0,val=1'],
    ['play', '--out', 'x.gif', '--episodes', '0'],
    ['play', '--out', 'x.gif', '--random', '--demos', 'x'],
  ],
)
def test_bad_usage_is_one_line_and_code_2(run, arguments):
  code, out, err = run(*arguments)
  assert (code, out) == (2, '')
  assert len(err.splitlines()) == 1
  assert '--help' in err


def test_never_overwrites(run, tmp_path):
  folder = tmp_path / 'some_demos'
  _record(run, folder)
  code, _, err = _record(run, folder)
  assert code == 1
  assert '1.0.0 exists' in err


@pytest.mark.parametrize(
  'number, code', [(signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_a_stopped_recording_leaves_complete_episodes(tmp_path, number, code):
  folder = tmp_path / 'sets' / 'some_demos'
  command = [sys.executable, '-m', 'awopt_agent.train.demos_cli', 'record']
  process = subprocess.Popen(
    [*command, '--out', str(folder), '--episodes', '100000'],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    env={'HOME': str(tmp_path / 'home'), 'PATH': os.environ['PATH']},
    text=True,
  )
  # Two files are published, and more is under way.
  while process.poll() is None and len([*folder.glob('1.0.0/*tfrec*')]) < 3:
    time.sleep(0.05)
  process.send_signal(number)
  out, err = process.communicate(timeout=60)
  assert process.returncode == code
  episodes = list(reader.read_episodes(str(folder)))
  assert len(episodes) >= 2
  assert all(episode.success for episode in episodes)
  if number == signal.SIGTERM:
    assert out == ''
    assert err == f'{folder}: stopped, holds {len(episodes)} episodes\n'


def test_own_demonstrations_fit_the_task_still():
  environment = envs.make('green_bowl')
  episodes = reader.read_episodes(
    'green_bowl_demos',
    time_step_spec=environment.time_step_spec(),
    action_spec=environment.action_spec(),
  )
  longest = 1 / (1 - next(episodes).observation['steps_left'][1, 0])
  assert max(episode.length for episode in episodes) <= round(longest)
  environment.reset()
  stay = {
    name: np.zeros(spec.shape, spec.dtype)
    for name, spec in environment.action_spec().items()
  }
  left = environment.step(stay).observation['steps_left'][0]
  assert round(1 / (1 - left)) == round(longest), 'record the set again'
  environment.close()
