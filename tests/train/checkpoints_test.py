import errno
import os
import pathlib
import resource
import subprocess
import sys
import threading

import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.train import checkpoints
from tests import fakes as agent_fakes
from tests.train import fakes, killed_saves


@pytest.fixture(name='folder')
def _folder(tmp_path):
  return str(tmp_path / 'checkpoints')


@pytest.fixture(name='agent', scope='module')
def _agent():
  return fakes.make_agent()


@pytest.fixture(name='store')
def _store(folder, agent):
  return checkpoints.CheckpointStore(folder, agent)


def _save(store, step, **state):
  return store.save(step, fakes.FakeReplay(), state)


def test_no_folder_holds_no_checkpoint(store):
  assert store.latest() is None


def test_a_checkpoint_comes_back_bit_for_bit(folder, store, agent):
  agent.train_step_counter.assign(17)
  path = _save(store, 17, episodes=3)
  # Other weights, other chance: nothing may be equal by luck.
  other = fakes.make_agent(seed=99)
  before = fakes.state_of(agent)
  differ = [
    name
    for name, value in fakes.state_of(other).items()
    if not np.array_equal(before[name], value)
  ]
  # Four kernels in three critics and an actor, and the random generators.
  assert len(differ) > 6
  state = checkpoints.CheckpointStore(folder, other).restore_agent(path)
  assert state == {'episodes': 3} == checkpoints.read_state(path)
  fakes.assert_same_state(before, fakes.state_of(other))


def test_the_two_newest_are_kept(folder, store):
  paths = [_save(store, step) for step in (5, 60, 700)]
  assert store.latest() == paths[-1]
  assert sorted(os.listdir(folder)) == ['0000000060', '0000000700']


def test_what_an_interruption_left_is_no_checkpoint(folder, store):
  path = _save(store, 5)
  for name in ('0000000060.part', '0000000005.old', '0000000001.deleted'):
    os.makedirs(os.path.join(folder, name, 'replay'))
  (pathlib.Path(folder) / 'my.old').write_text('mine')
  assert store.latest() == path
  store.recover()
  assert sorted(os.listdir(folder)) == ['0000000005', 'my.old']


def test_saving_a_step_again_replaces_it(folder, store):
  _save(store, 5, turn=1)
  path = _save(store, 5, turn=2)
  assert checkpoints.read_state(path) == {'turn': 2}
  assert os.listdir(folder) == ['0000000005']


def test_a_kill_in_the_middle_of_replacing_loses_nothing(
  folder, store, monkeypatch
):
  _save(store, 5, turn=1)
  rename = os.rename

  def die_at_the_second(source, target):
    if source.endswith('.part'):
      raise KeyboardInterrupt
    rename(source, target)

  monkeypatch.setattr(os, 'rename', die_at_the_second)
  with pytest.raises(KeyboardInterrupt):
    _save(store, 5, turn=2)
  monkeypatch.undo()
  store.recover()
  assert checkpoints.read_state(store.latest()) == {'turn': 1}
  assert '0000000005.old' not in os.listdir(folder)


@pytest.fixture(name='full_disk')
def _full_disk():
  """No file may grow beyond 100 bytes, as on a disk that is nearly full."""
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)

  def limit(full=True):
    size = 100 if full else limits[0]
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))

  yield limit
  limit(full=False)


def test_a_full_disk_is_one_line_and_keeps_the_earlier_checkpoint(
  folder, store, full_disk
):
  path = _save(store, 5, turn=1)
  full_disk()
  try:
    for step in (5, 60):
      with pytest.raises(OSError, match='cannot write the checkpoint') as error:
        _save(store, step, turn=2)
      assert len(str(error.value).splitlines()) == 1
      assert f'{step:010d}' in str(error.value)
  finally:
    full_disk(full=False)
  assert os.listdir(folder) == ['0000000005']
  assert store.latest() == path
  assert store.restore_agent(path) == {'turn': 1}


@pytest.mark.parametrize('kind', [RuntimeError, IndexError])
def test_a_replay_that_cannot_be_saved_is_one_line(folder, store, kind):

  class BrokenReplay:
    def save(self, folder):
      raise kind('the server is gone\nand more')

  with pytest.raises(OSError, match=r'\(the server is gone\)'):
    store.save(5, BrokenReplay(), {})
  assert os.listdir(folder) == []


def test_a_file_in_the_way_is_one_line(tmp_path, agent):
  (tmp_path / 'file').write_text('mine')
  store = checkpoints.CheckpointStore(str(tmp_path / 'file'), agent)
  with pytest.raises(OSError, match='writable --root_dir'):
    _save(store, 5)
  assert (tmp_path / 'file').read_text() == 'mine'


@pytest.mark.parametrize('layers', [(9,), (8, 8)])
def test_an_agent_of_another_shape_is_refused(folder, store, layers):
  path = _save(store, 5)
  other = fakes.make_agent(**agent_fakes.small_networks(layers))
  with pytest.raises(ValueError, match='does not fit this agent') as raised:
    checkpoints.CheckpointStore(folder, other).restore_agent(path)
  assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize('missing', ['in the checkpoint', 'in the agent'])
def test_a_variable_without_its_like_is_refused(folder, missing):
  # TensorFlow itself would keep the fresh value, and say nothing.
  less, more = tf.Module(), tf.Module()
  less.a, more.a, more.b = tf.Variable(1.0), tf.Variable(1.0), tf.Variable(2.0)
  saved, other = (
    (less, more) if missing == 'in the checkpoint' else (more, less)
  )
  path = _save(checkpoints.CheckpointStore(folder, saved), 5)
  with pytest.raises(ValueError, match='does not fit this agent'):
    checkpoints.CheckpointStore(folder, other).restore_agent(path)


def test_weights_that_changed_on_the_way_are_refused(store, monkeypatch):
  path = _save(store, 5)
  assign = tf.train.Checkpoint.read

  def lose_a_bit(checkpoint, prefix):
    status = assign(checkpoint, prefix)
    checkpoint.agent.train_step_counter.assign_add(1)
    return status

  monkeypatch.setattr(tf.train.Checkpoint, 'read', lose_a_bit)
  with pytest.raises(ValueError, match=f'weights restored from {path}'):
    store.restore_agent(path)


def _change(path):
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 1
  path.write_bytes(content)


_HARMS = {
  'a file is missing': lambda path: (path / 'agent.index').unlink(),
  'a file is cut': lambda path: os.truncate(path / 'replay' / 'DONE', 2),
  'weights changed': lambda p: _change(p / 'agent.data-00000-of-00001'),
  'the replay changed': lambda path: _change(path / 'replay' / 'DONE'),
  'no manifest': lambda path: (path / 'manifest.json').unlink(),
  'half a manifest': lambda path: os.truncate(path / 'manifest.json', 100),
}


@pytest.mark.parametrize('harm', _HARMS)
def test_a_damaged_checkpoint_is_passed_over_and_stays(
  folder, store, capsys, harm
):
  first, second, third = (_save(store, step) for step in (5, 60, 700))
  assert not os.path.exists(first)
  _HARMS[harm](pathlib.Path(third))
  left = sorted(os.listdir(third))
  assert store.latest() == second
  (line,) = capsys.readouterr().out.splitlines()
  assert line.startswith(f'passed over the damaged checkpoint {third} (')
  assert line.endswith(f', for {second}')
  # The same is said once.
  assert store.latest() == second
  assert capsys.readouterr().out == ''
  # It does not count as one of the two that stay, and is not deleted.
  fourth = _save(store, 8000)
  assert store.latest() == fourth
  assert sorted(os.listdir(folder)) == sorted(
    map(os.path.basename, (second, third, fourth))
  )
  assert sorted(os.listdir(third)) == left


def test_a_damaged_replay_does_not_matter_to_weights(folder, store):
  first, second = _save(store, 5), _save(store, 60)
  _change(pathlib.Path(second) / 'replay' / 'DONE')
  assert checkpoints.latest(folder, replay=False) == second
  assert checkpoints.latest(folder) == first


def test_only_damaged_checkpoints_are_no_new_start(store):
  paths = [_save(store, 5), _save(store, 60)]
  for path in paths:
    os.remove(os.path.join(path, 'manifest.json'))
  with pytest.raises(ValueError, match='is sound: ') as raised:
    store.latest()
  line = str(raised.value)
  assert f'{paths[-1]} is damaged (manifest.json is missing)' in line
  assert len(line.splitlines()) == 1
  assert all(map(os.path.isdir, paths))


def test_a_checkpoint_of_an_earlier_version_is_refused_by_name(store):
  path = pathlib.Path(_save(store, 5))
  (path / 'manifest.json').rename(path / 'state.json')
  with pytest.raises(ValueError, match='of an earlier version'):
    store.latest()


def test_a_damaged_one_makes_way_for_a_new_one_of_its_step(folder, store):
  _save(store, 5, turn=1)
  path = _save(store, 60, turn=1)
  _change(pathlib.Path(path) / 'replay' / 'DONE')
  assert _save(store, 60, turn=2) == path
  assert checkpoints.read_state(store.latest()) == {'turn': 2}
  assert sorted(os.listdir(folder)) == [
    '0000000005',
    '0000000060',
    '0000000060.damaged',
  ]


class _LargeReplay:
  """Takes so many megabytes."""

  def __init__(self, megabytes):
    self._megabytes = megabytes

  def save(self, folder):
    os.makedirs(folder)
    with open(os.path.join(folder, 'items'), 'wb') as file:
      file.truncate(self._megabytes * 2**20)


def _steps_kept(folder, sizes, **config):
  """Saves replays of these sizes in MB at steps 0, 1 and so on."""
  store = checkpoints.CheckpointStore(
    folder, tf.Module(), config=checkpoints.CheckpointConfig(**config)
  )
  store._agent.a = tf.Variable(1.0)
  for step, size in enumerate(sizes):
    path = store.save(step, _LargeReplay(size), {})
    assert store.latest() == path
  return [int(name) for name in sorted(os.listdir(folder))]


@pytest.mark.parametrize(
  'sizes, config, kept',
  [
    ([1, 1, 1, 1], {'keep': 3}, [1, 2, 3]),
    ([1, 1], {'keep': 3}, [0, 1]),
    ([1, 1, 1, 1], {'keep': 1}, [3]),
    # 3 * 1 MB and some bytes.
    ([1, 1, 1, 1], {'keep': 3, 'max_disk_mb': 4}, [1, 2, 3]),
    ([1, 1, 1, 1], {'keep': 3, 'max_disk_mb': 3}, [2, 3]),
    ([1, 4, 1], {'keep': 3, 'max_disk_mb': 3}, [2]),
    ([1, 1, 4], {'keep': 3, 'max_disk_mb': 3}, [2]),
  ],
)
def test_what_stays(folder, sizes, config, kept):
  assert _steps_kept(folder, sizes, **config) == kept


def test_a_quota_says_once_what_it_has_no_room_for(folder, capsys):
  _steps_kept(folder, [1] * 5, keep=3, max_disk_mb=2.5)
  (line,) = capsys.readouterr().out.splitlines()
  assert line.startswith(
    'CheckpointConfig.max_disk_mb = 2.5 has room for 2 of 3 checkpoints, the '
    'newest of 1.0 MB'
  )


def test_a_quota_below_one_checkpoint_keeps_the_newest_and_says_so(
  folder, capsys
):
  assert _steps_kept(folder, [2, 2], keep=2, max_disk_mb=1) == [1]
  assert 'room for 1 of 2 checkpoints' in capsys.readouterr().out


@pytest.mark.parametrize(
  'wrong', [{'keep': 0}, {'max_disk_mb': 0}, {'max_disk_mb': -1.0}]
)
def test_a_limit_of_nothing_is_refused(wrong):
  ((name, value),) = wrong.items()
  with pytest.raises(
    ValueError, match=f'CheckpointConfig.{name} .*got {value}'
  ):
    checkpoints.CheckpointConfig(**wrong)


def test_nothing_is_deleted_before_the_new_one_is_complete(folder, agent):
  store = checkpoints.CheckpointStore(
    folder, agent, config=checkpoints.CheckpointConfig(keep=1)
  )
  path = _save(store, 5)

  class LateReplay:
    def save(self, folder):
      assert store.latest() == path
      raise TimeoutError('the replay does not answer')

  with pytest.raises(OSError, match=r'\(the replay does not answer\)'):
    store.save(60, LateReplay(), {})
  assert os.listdir(folder) == ['0000000005']


@pytest.mark.parametrize('at', [1, 4, 7])
def test_a_disk_that_fills_up_at_the_last_moment(
  folder, store, monkeypatch, at
):
  # Some file systems look for room only now. Each of three files is waited for,
  # the manifest and two folders; after the rename, the folder above.
  path = _save(store, 5, turn=1)
  fsync, calls = os.fsync, []

  def full(descriptor):
    calls.append(descriptor)
    if len(calls) == at:
      raise OSError(errno.ENOSPC, 'No space left on device')
    fsync(descriptor)

  monkeypatch.setattr(os, 'fsync', full)
  if at == 7:  # All is in its place.
    with pytest.raises(OSError, match='No space left'):
      _save(store, 60)
    assert checkpoints.read_state(store.latest()) == {}
    return
  with pytest.raises(OSError, match='cannot write the checkpoint .*No space'):
    _save(store, 60)
  assert os.listdir(folder) == ['0000000005']
  assert store.restore_agent(store.latest()) == {'turn': 1}
  assert store.latest() == path


def test_a_folder_that_is_read_only_is_one_line(agent):
  # Root may write everywhere but here.
  store = checkpoints.CheckpointStore('/proc/checkpoints', agent)
  with pytest.raises(OSError, match='choose a writable --root_dir') as raised:
    _save(store, 5)
  assert len(str(raised.value).splitlines()) == 1


def test_readers_find_a_checkpoint_while_it_is_replaced(folder):
  store = checkpoints.CheckpointStore(folder, killed_saves.make_agent(1))
  store.save(5, killed_saves.Replay(1), {})
  done = threading.Event()

  def replace():
    for turn in range(20):
      store.save(5, killed_saves.Replay(turn), {})
    done.set()

  writer = threading.Thread(target=replace)
  writer.start()
  found = set()
  while not done.is_set():
    found.add(checkpoints.latest(folder))
    assert checkpoints.read_state(os.path.join(folder, '0000000005')) == {}
  writer.join()
  assert {os.path.basename(path)[:10] for path in found} == {'0000000005'}


def test_a_kill_at_any_moment_leaves_the_old_set_or_the_new(tmp_path):
  folders = [str(tmp_path / '5'), str(tmp_path / '60')]
  for folder in folders:
    killed_saves.save(folder, 5, 1)
  subprocess.run(
    [sys.executable, '-m', 'tests.train.killed_saves', *folders],
    cwd=pathlib.Path(__file__).parent.parent.parent,
    check=True,
    timeout=120,
  )
  for folder in folders:
    copies = len(list(tmp_path.glob(f'{os.path.basename(folder)}.*')))
    turns = [_turn_after_kill(f'{folder}.{copy}') for copy in range(copies)]
    changed = turns.index(2)
    assert turns == [1] * changed + [2] * (len(turns) - changed)
    # Kills before and after the one rename that counts.
    assert min(changed, len(turns) - changed) >= 3


def _turn_after_kill(folder):
  """Returns the turn of all parts of the set that a killed process left."""
  (seen,) = killed_saves.turns_in(checkpoints.latest(folder))
  store = checkpoints.CheckpointStore(folder, None)
  store.recover()
  (turn,) = killed_saves.turns_in(store.latest())
  assert turn == seen
  assert all(name.isdigit() for name in os.listdir(folder))
  return turn


def test_the_replay_stands_in_the_checkpoint(store):
  path = _save(store, 5)
  assert os.listdir(checkpoints.replay_folder(path)) == ['DONE']
