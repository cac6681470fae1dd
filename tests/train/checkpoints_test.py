import os
import resource

import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.train import checkpoints
from tests import fakes as agent_fakes
from tests.train import fakes


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
  part = os.path.join(folder, '0000000060.part')
  os.makedirs(os.path.join(part, 'replay'))
  assert store.latest() == path
  _save(store, 60)
  assert sorted(os.listdir(folder)) == ['0000000005', '0000000060']


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


def test_a_damaged_checkpoint_is_refused(folder, store):
  path = _save(store, 5)
  os.remove(os.path.join(path, 'agent.index'))
  with pytest.raises(ValueError, match='does not fit|cannot be read'):
    store.restore_agent(path)


def test_the_replay_stands_in_the_checkpoint(store):
  path = _save(store, 5)
  assert os.listdir(checkpoints.replay_folder(path)) == ['DONE']
