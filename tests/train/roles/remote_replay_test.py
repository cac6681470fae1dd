import os
import threading
import time

import pytest

from awopt_agent.train import stopping
from awopt_agent.train.roles import remote_replay, replay_service
from tests.train.roles import fakes


@pytest.fixture(name='role')
def _role(tmp_path):
  role = fakes.ReplayRole(tmp_path)
  yield role
  role.close()


def _remote(role, root, limit_s=20.0, reader=None):
  reader = reader or role.reader()
  incarnation = reader.read_now()['incarnation']
  return remote_replay.RemoteReplay(
    reader, str(root), limit_s=limit_s, incarnation=lambda: incarnation
  )


def test_the_replay_role_saves_where_the_learner_says(role, tmp_path):
  role.start()
  role.send(fakes.episode(1, 0))
  while not role.service.counters.episodes:
    time.sleep(0.01)
  (tmp_path / 'part').mkdir()
  folder = str(tmp_path / 'part' / 'replay')
  _remote(role, tmp_path).save(folder)
  assert replay_service.read_counters(folder).episodes == 1


def test_a_save_that_fails_there_fails_here_with_its_reason(role, tmp_path):
  role.start()
  with pytest.raises(OSError, match='the replay role says: cannot save the'):
    _remote(role, tmp_path).save(str(tmp_path / 'missing' / 'replay'))


def test_both_need_the_same_folder(role, tmp_path_factory):
  role.start()
  other = tmp_path_factory.mktemp('elsewhere')
  with pytest.raises(OSError, match='both need the same, shared folder'):
    _remote(role, other).save(str(other / 'replay'))


def test_a_replay_role_that_does_not_save_is_an_error(role, tmp_path):
  with pytest.raises(TimeoutError) as raised:  # It takes no turn.
    _remote(role, tmp_path, limit_s=0.2).save(str(tmp_path / 'replay'))
  line = str(raised.value)
  for part in ('tester', 'to save its tables', 'localhost:'):
    assert part in line
  assert not os.path.exists(tmp_path / 'replay')


def test_a_stop_ends_the_wait_for_a_save(role, tmp_path):
  reader = role.reader()
  remote = _remote(role, tmp_path, limit_s=60, reader=reader)
  asked = threading.Event()
  reader._connection.check = stopping.raiser(asked.is_set)
  threading.Timer(0.2, asked.set).start()
  with pytest.raises(stopping.Stopped):
    remote.save(str(tmp_path / 'replay'))


def test_a_replay_role_that_starts_again_saves_nothing_for_before(tmp_path):
  role = fakes.ReplayRole(tmp_path)
  remote = _remote(role, tmp_path, limit_s=60)
  asked = threading.Timer(0.5, role.close)
  failed = []

  def save():
    try:
      remote.save(str(tmp_path / 'replay'))
    except OSError as error:
      failed.append(error)

  thread = threading.Thread(target=save)
  thread.start()
  asked.start()
  asked.join()
  again = fakes.ReplayRole(tmp_path, port=role.replay.port)
  try:
    again.start()
    thread.join(30)  # Not for the whole limit.
    assert 'started again' in str(failed[0])
    assert not os.path.exists(tmp_path / 'replay')
  finally:
    again.close()
