"""A replay role within this process, by turns or in a thread of its own."""

import os
import tempfile
import threading
import time

from awopt_agent.experience import contents, packing, tables
from awopt_agent.experience import replay as replay_lib
from awopt_agent.experience.wire import board, inbox
from awopt_agent.experience.wire import connection as connection_lib
from awopt_agent.train import run_folder
from awopt_agent.train.roles import replay_service
from tests import fakes as agent_fakes

SPEC = agent_fakes.step_spec()


class ReplayRole:
  """A server with its service; whoever asks waits for turns.

  Attributes:
    replay: The server.
    service: What takes the episodes in.
    said: Lines that it printed.
  """

  def __init__(
    self,
    root,
    *,
    spec=SPEC,
    restore_from=None,
    port=None,
    sizes=None,
    more_tables=(),
  ):
    """Starts a server.

    Args:
      root: Folder of the run.
      spec: Specs of one step.
      restore_from: A saved replay; relative to the root.
      port: Where to listen; None takes a free one.
      sizes: Of the tables of transitions.
      more_tables: Beside inbox and board.
    """
    if restore_from is not None:
      restore_from = os.path.join(str(root), restore_from)
    self._spec = spec
    self.said = []
    self.replay = replay_lib.Replay(
      spec,
      tables.ReplayConfig(**sizes or {}),
      steps_per_item=2,
      scratch=os.path.join(str(root), 'scratch'),
      restore_from=restore_from,
      port=port,
      more_tables=[
        inbox.make_table(spec),
        *board.make_tables(),
        *more_tables,
      ],
    )
    for table in (board.BOARD, board.REQUESTS):
      self.replay.client.reset(table)
    self.service = replay_service.ReplayService(
      self.replay,
      spec,
      root_dir=str(root),
      run=run_folder.RunFolder(str(root)).identity(make=True),
      counters=replay_service.read_counters(restore_from),
      say=self.said.append,
    )
    self._stop = threading.Event()
    self._thread = None

  def turns(self, count=3):
    """Does what there is to do, and posts the counters."""
    for _ in range(count):
      self.service.turn()
    self.service._post()

  def start(self):
    """Serves in the background."""
    self._stop.clear()
    self._thread = threading.Thread(target=self._serve)
    self._thread.start()

  def _serve(self):
    while not self._stop.is_set():
      if not self.service.turn():
        time.sleep(0.005)

  def pause(self):
    """Takes nothing more in, until it is started again."""
    self._stop.set()
    if self._thread is not None:
      self._thread.join()

  def connect(self, *, role='tester', limit_s=10.0, **kwargs):
    """Returns another process's connection."""
    return connection_lib.Connection(
      f'localhost:{self.replay.port}', role=role, limit_s=limit_s, **kwargs
    )

  def reader(self):
    """Returns a reader of the board that never looks at an old record."""
    return board.BoardReader(self.connect(), every_s=0)

  def ask_to_save(self, folder):
    """Asks as a learner does that has seen its counters; returns the id."""
    incarnation = self.reader().read_now()['incarnation']
    return self.reader().ask(
      {'save': folder, 'incarnation': incarnation}, limit_s=5
    )

  def send(self, episode, *, skipped=0, spool=0):
    """Sends an episode."""
    inbox.send(
      self.connect(),
      [packing.StepPacking(self._spec).pack(episode)],
      sender=inbox.Sender(skipped, spool),
      limit_s=5,
    )

  def steps(self):
    """Returns (table, episode id, step) of each item, sorted."""
    with tempfile.TemporaryDirectory() as folder:
      saved = os.path.join(folder, 'saved')
      self.replay.save(saved)
      labels = contents.read_labels(saved, self._spec, steps_per_item=2)
    return sorted(
      (table, int(identity), int(step))
      for table, label in labels.items()
      for identity, step in zip(label.episode_id, label.step, strict=True)
    )

  def close(self):
    """Ends the service, then the server, as a kill would."""
    self.pause()
    self.replay.close()


def episode(source, sequence, length=2, *, success=False, chosen_by=2):
  """Returns a labelled episode of practice."""
  return agent_fakes.make_episode(
    length,
    episode_id=inbox.episode_id(source, sequence),
    success=success,
    source=chosen_by,
  )


def whole(source, sequences, length=2, *, table='failure'):
  """Returns what `ReplayRole.steps` lists of whole episodes."""
  return [
    (table, inbox.episode_id(source, sequence), step)
    for sequence in sequences
    for step in range(length)
  ]


def adopt(root, step, part_replay):
  """Completes a checkpoint, as the learner does; returns its replay."""
  part = os.path.join(str(root), part_replay, os.pardir)
  target = os.path.join(str(root), 'checkpoints', f'{step:010d}')
  os.rename(os.path.normpath(part), target)
  return os.path.join(target, 'replay')
