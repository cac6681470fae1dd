import json
import os
import subprocess
import sys

import pytest

from awopt_agent.train import run_folder

_CONFIG = 'TrainConfig.batch_size = 64\nTrainConfig.practice_episodes = 10\n'


@pytest.fixture(name='folder')
def _folder(tmp_path):
  folder = run_folder.RunFolder(str(tmp_path / 'run'))
  folder.check_disk()
  return folder


def test_everything_stands_below_the_root(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  folder = run_folder.RunFolder('run')
  paths = {
    os.path.relpath(path, tmp_path / 'run')
    for path in (
      folder.checkpoints,
      folder.replay,
      folder.policies,
      folder.videos,
      folder.metrics,
    )
  }
  assert paths == {
    'checkpoints',
    'replay',
    'policies',
    'videos',
    'metrics.jsonl',
  }


def test_a_home_folder_may_be_written_as_a_tilde(monkeypatch, tmp_path):
  monkeypatch.setenv('HOME', str(tmp_path))
  assert run_folder.RunFolder('~/run').path == str(tmp_path / 'run')


def test_naming_a_folder_makes_nothing(tmp_path):
  run_folder.RunFolder(str(tmp_path / 'run'))
  assert list(tmp_path.iterdir()) == []


def test_a_checked_disk_is_left_clean(folder):
  assert os.listdir(folder.path) == []


def test_a_file_in_the_way_is_one_line(tmp_path):
  (tmp_path / 'run').write_text('not a folder')
  for path in (tmp_path / 'run', tmp_path / 'run' / 'below'):
    with pytest.raises(OSError, match='cannot write to .*--root_dir') as raised:
      run_folder.RunFolder(str(path)).check_disk()
    assert len(str(raised.value).splitlines()) == 1
  assert (tmp_path / 'run').read_text() == 'not a folder'


def test_a_full_disk_is_refused_before_any_work(folder, monkeypatch):
  monkeypatch.setattr(run_folder, '_LEAST_FREE_BYTES', 1 << 62)
  with pytest.raises(OSError, match='MB left'):
    folder.check_disk()


def test_where_a_run_goes_on_a_full_disk_is_a_line(folder, monkeypatch, capsys):
  monkeypatch.setattr(run_folder, '_LEAST_FREE_BYTES', 1 << 62)
  folder.check_disk(refuse_full=False)
  (line,) = capsys.readouterr().out.splitlines()
  assert line.startswith(f'{folder.path} has ')
  assert line.endswith('free disk space.')


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='no /dev/full')
def test_a_disk_without_a_byte_is_a_line_too(folder, monkeypatch, capsys):
  monkeypatch.setattr(run_folder, '_LEAST_FREE_BYTES', 1 << 62)
  monkeypatch.setattr(
    run_folder.tempfile,
    'TemporaryFile',
    lambda **_: open('/dev/full', 'wb', buffering=0),
  )
  folder.check_disk(refuse_full=False)
  assert len(capsys.readouterr().out.splitlines()) == 1
  with pytest.raises(OSError, match='cannot write to .*No space left'):
    folder.check_disk()


def test_roles_that_probe_at_once_do_not_meet(folder, monkeypatch):
  def remove(path):
    # Another role's probe of the same name was removed first.
    raise FileNotFoundError(path)

  monkeypatch.setattr(os, 'remove', remove)
  folder.check_disk()
  assert os.listdir(folder.path) == []


def test_the_configuration_and_the_seed_are_kept(folder):
  folder.claim(_CONFIG, 7)
  assert folder.config() == _CONFIG
  assert folder.seed() == 7
  assert sorted(os.listdir(folder.path)) == ['config.gin', 'run.json']


def test_the_same_configuration_passes(folder):
  folder.claim(_CONFIG, 7)
  folder.check_same(_CONFIG, 7)


def test_another_configuration_is_refused_by_name_and_changes_nothing(folder):
  folder.claim(_CONFIG, 7)
  with pytest.raises(ValueError, match='batch_size: 64 -> 32') as raised:
    folder.check_same(_CONFIG.replace('64', '32'), 7)
  assert 'practice_episodes' not in str(raised.value)
  assert '--root_dir' in str(raised.value)
  assert folder.config() == _CONFIG


def test_another_seed_is_refused(folder):
  folder.claim(_CONFIG, 7)
  with pytest.raises(ValueError, match='--seed: 7 -> 8'):
    folder.check_same(_CONFIG, 8)


@pytest.mark.parametrize('name', run_folder.MAY_CHANGE)
def test_how_long_and_how_often_may_change(folder, name):
  folder.claim(f'{_CONFIG}{name} = 1\n', 7)
  folder.check_same(f'{_CONFIG}{name} = 2\n', 7)


@pytest.mark.parametrize('name', ['max_lead_steps', 'max_target_age'])
def test_what_is_learnt_may_not(folder, name):
  folder.claim(f'{_CONFIG}RolesConfig.{name} = 1\n', 7)
  with pytest.raises(ValueError, match=f'{name}: 1 -> 2'):
    folder.check_same(f'{_CONFIG}RolesConfig.{name} = 2\n', 7)


def test_a_folder_without_a_run_says_so(folder):
  with pytest.raises(FileNotFoundError, match='holds no run'):
    folder.config()


def test_a_write_that_fails_keeps_the_stored_configuration(folder, monkeypatch):
  folder.claim(_CONFIG, 7)

  def fail(*_):
    raise OSError('no space')

  monkeypatch.setattr(os, 'replace', fail)
  with pytest.raises(OSError):
    folder.claim('a.x = 1\n', 8)
  assert (folder.config(), folder.seed()) == (_CONFIG, 7)


_LOCK = """
import sys
from awopt_agent.train import run_folder
folder = run_folder.RunFolder(sys.argv[1])
folder.lock()
print('locked', flush=True)
sys.stdin.read()
"""


def test_two_runs_never_share_a_folder(folder):
  other = subprocess.Popen(
    [sys.executable, '-c', _LOCK, folder.path],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
  )
  try:
    assert other.stdout.readline() == b'locked\n'
    with pytest.raises(OSError, match='another awopt-train or learner is at'):
      folder.lock()
    assert folder.is_locked()
  finally:
    other.kill()
    other.communicate()
  assert not folder.is_locked()  # A killed run leaves no lock behind.
  folder.lock()
  assert folder.is_locked()
  assert os.listdir(folder.path) == []
  folder.unlock()
  assert not folder.is_locked()


def test_what_the_folder_holds_is_json(folder):
  folder.claim(_CONFIG, 7)
  with open(os.path.join(folder.path, 'run.json'), encoding='utf-8') as file:
    assert json.load(file) == {'seed': 7}


def test_a_run_has_one_identity(tmp_path):
  folder = run_folder.RunFolder(str(tmp_path))
  assert folder.identity() == ''
  made = folder.identity(make=True)
  assert made
  assert folder.identity(make=True) == folder.identity() == made
