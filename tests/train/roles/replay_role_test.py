import argparse
import contextlib
import os
import threading

import portpicker
import pytest

from awopt_agent.experience import packing
from awopt_agent.experience.wire import board, connection, inbox
from awopt_agent.train import checkpoints, run_folder
from awopt_agent.train.roles import context, remote_replay, replay_role
from tests.train import fakes as train_fakes
from tests.train.roles import casts


@pytest.fixture(name='cast')
def _cast(tmp_path, monkeypatch):
  cast = casts.make_context(tmp_path)
  monkeypatch.setattr(context, 'build', lambda flags: cast)
  monkeypatch.setattr(replay_role.threads, 'use_cores', lambda **_: None)
  return cast


class Served:
  """The role in a thread, until it is told to stop.

  Attributes:
    connection, reader: Another role's.
  """

  def __init__(self, monkeypatch):
    self._stop = threading.Event()
    monkeypatch.setattr(
      replay_role.stopping, 'catch_stop_signals', lambda: self._stop.is_set
    )
    port = portpicker.pick_unused_port()
    self._said = []
    self._thread = threading.Thread(
      target=lambda: self._said.append(
        replay_role.run(argparse.Namespace(port=port))
      )
    )
    self._thread.start()
    self.connection = connection.Connection(
      f'localhost:{port}', role='tester', limit_s=20
    )
    self.reader = board.BoardReader(self.connection, every_s=0)
    self.reader.read_now(limit_s=20)

  def ask_to_stop(self):
    self._stop.set()

  def is_up_after(self, seconds):
    self._thread.join(seconds)
    return self._thread.is_alive()

  def stop(self):
    """Returns the role's last line."""
    self._stop.set()
    self._thread.join(20)
    return self._said[0]


def _remote(served, cast):
  incarnation = served.reader.read_now()['incarnation']
  return remote_replay.RemoteReplay(
    served.reader,
    cast.folder.path,
    limit_s=20,
    incarnation=lambda: incarnation,
  )


def test_serves_and_goes_on_from_the_newest_checkpoint(
  cast, monkeypatch, capsys
):
  served = Served(monkeypatch)
  try:
    # Tables of `casts` too: what a demonstration is, is known there.
    role = argparse.Namespace(
      send=lambda episode: _send(served, cast, episode),
      reader=lambda: served.reader,
    )
    casts.demonstrations(role, cast, count=2)
    store = checkpoints.CheckpointStore(cast.folder.checkpoints, cast.agent)
    remote = _remote(served, cast)
    store.save(5, remote, {'practised': 0})
  finally:
    line = served.stop()
  assert line == 'replay: stopped with 0 episodes of practice'
  out = capsys.readouterr().out
  assert 'Reverb listens on every network interface' in out
  assert 'security.md' in out

  served = Served(monkeypatch)
  try:
    record = served.reader.read_now()
    assert record['demonstrations'] == 2
    assert record['received'] == {'0': 2}
    # Two demonstrations of two transitions.
    assert served.connection.info('success').current_size == 4
    for table in replay_role._OF_THE_MOMENT:
      if table != board.BOARD:
        assert served.connection.info(table).current_size == 0
  finally:
    served.stop()
  assert '2 demonstrations and 0 episodes' in capsys.readouterr().out


@pytest.fixture(name='learner')
def _learner(cast):
  """Returns the run's folder as a learner at work has it, and how it ends."""
  folder = run_folder.RunFolder(cast.folder.path)
  folder.lock()
  with contextlib.ExitStack() as stack:
    stack.callback(os.close, folder._locked)
    yield argparse.Namespace(end=stack.close)


def test_a_learner_that_is_stopped_at_the_same_time_can_save(
  cast, learner, monkeypatch
):
  served = Served(monkeypatch)
  store = checkpoints.CheckpointStore(cast.folder.checkpoints, cast.agent)
  remote = _remote(served, cast)
  try:
    served.ask_to_stop()
    assert served.is_up_after(0.5)
    store.save(5, remote, {'practised': 0})
    learner.end()
  finally:
    assert not served.is_up_after(20)
  assert store.latest().endswith('0000000005')


def test_a_learner_that_goes_on_is_left(cast, learner, monkeypatch, capsys):
  monkeypatch.setattr(replay_role, '_STAY_S', 0.5)
  served = Served(monkeypatch)
  served.ask_to_stop()
  assert not served.is_up_after(20)
  assert 'leaves, though the learner is at work' in capsys.readouterr().out


def test_a_learner_that_still_writes_is_waited_for_longer(
  cast, learner, monkeypatch
):
  monkeypatch.setattr(replay_role, '_STAY_S', 0.0)
  served = Served(monkeypatch)
  part = os.path.join(cast.folder.checkpoints, '0000000005.part')
  os.makedirs(part)
  _remote(served, cast).save(os.path.join(part, 'replay'))
  served.ask_to_stop()
  assert served.is_up_after(1.0)
  learner.end()
  assert not served.is_up_after(20)


def _send(served, cast, episode):
  inbox.send(
    served.connection,
    [packing.StepPacking(cast.agent.training_data_spec).pack(episode)],
    limit_s=10,
  )


def test_refuses_a_checkpoint_of_awopt_train(cast, monkeypatch):
  agent = train_fakes.make_agent()
  checkpoints.CheckpointStore(cast.folder.checkpoints, agent).save(
    3, train_fakes.FakeReplay(), {'practised_episodes': 1}
  )
  monkeypatch.setattr(
    replay_role.stopping, 'catch_stop_signals', lambda: lambda: True
  )
  with pytest.raises(ValueError, match='was saved by awopt-train'):
    replay_role.run(argparse.Namespace(port=portpicker.pick_unused_port()))
