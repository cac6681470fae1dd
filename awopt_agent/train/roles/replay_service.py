"""The replay role: takes episodes in, saves the tables, tells the counters."""

import dataclasses
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable
from typing import Any

from awopt_agent import files, structs
from awopt_agent.experience import replay as replay_lib
from awopt_agent.experience import tables
from awopt_agent.experience.wire import board as board_lib
from awopt_agent.experience.wire import inbox as inbox_lib

__all__ = ['COUNTERS', 'Counters', 'ReplayService', 'read_counters']

COUNTERS = 'counters.json'
_POST_EVERY_S = 0.25
# Items, of up to some ten episodes each; a request waits for them.
_AT_ONCE = 8


@dataclasses.dataclass
class Counters:
  """What the replay has taken in since the run began.

  Attributes:
    episodes: Of practice.
    steps: Transitions of practice.
    successes: Episodes of practice that succeeded.
    demonstrations: Episodes.
    received: Number of episodes by source, a string as JSON has it.
  """

  episodes: int = 0
  steps: int = 0
  successes: int = 0
  demonstrations: int = 0
  received: dict[str, int] = dataclasses.field(default_factory=dict)


def read_counters(folder: str | None) -> Counters:
  """Returns the counters that were saved with a replay.

  Args:
    folder: That `ReplayService` saved; None for those of a new run.

  Raises:
    ValueError: If the folder is of a run in a single process.
  """
  if folder is None:
    return Counters()
  path = os.path.join(folder, COUNTERS)
  if not os.path.exists(path):
    raise ValueError(
      f'{folder} was saved by awopt-train, and has no {COUNTERS}; go on with '
      'awopt-train, or choose another --root_dir.'
    )
  with open(path, encoding='utf-8') as file:
    return Counters(**json.load(file))


class ReplayService:
  """Moves whole episodes from the inbox into the tables.

  It alone writes to the tables and starts a checkpoint, one after the other:
  so a checkpoint holds whole episodes, each once, and the counters that belong
  to them.
  """

  def __init__(
    self,
    replay: replay_lib.Replay,
    step_spec: structs.Experience,
    *,
    root_dir: str,
    run: str,
    counters: Counters,
    say: Callable[[str], None] = lambda line: print(line, flush=True),
  ):
    """Posts the counters.

    Args:
      replay: The server in this process, with the tables of `wire`.
      step_spec: Specs of one step.
      root_dir: Of the run; nothing is saved elsewhere.
      run: Its identity; roles of another do not stay.
      counters: Of what the replay was restored from.
      say: Prints a line.
    """
    self._client = replay.client
    self._replay = replay
    self._root_dir = os.path.abspath(root_dir)
    self._counters = counters
    self._say = say
    self._writer = tables.EpisodeWriter(
      replay.client, step_spec, steps_per_item=replay.steps_per_item
    )
    self._inbox = inbox_lib.Inbox(replay.client, step_spec)
    self._board = board_lib.Board(replay.client)
    self._run = run
    self._incarnation = secrets.token_hex(8)
    # A collector keeps what only the newest checkpoint has: it may be found
    # damaged, and the run go on from the one before.
    self._durable: dict[str, int] = {}
    # By source, the spool that delivers in its name.
    self._spools: dict[str, int] = {}
    self._complete = dict(counters.received)
    self._pending: dict[str, dict[str, int]] = {}
    self._saved: dict[str, str] = {}
    self._refused = 0
    self._posted_at = 0.0
    self._changed = True
    self._sizes: dict[str, int] = {}
    self._post()

  @property
  def counters(self) -> Counters:
    """What was taken in."""
    return self._counters

  @property
  def is_saving(self) -> bool:
    """Whether the learner still writes beside what was saved for it."""
    return bool(self._pending)

  def turn(self) -> bool:
    """Does what there is to do.

    Returns:
      Whether there was anything.
    """
    self._sizes = self._replay.sizes()
    waiting = min(self._sizes[inbox_lib.INBOX], _AT_ONCE)
    asked = self._sizes[board_lib.REQUESTS]
    for found in self._inbox.receive(waiting):
      self._take(found)
    for request in self._board.take_requests(asked):
      self._answer(request)
    self._note_complete()
    if self._changed and time.monotonic() - self._posted_at > _POST_EVERY_S:
      self._post()
    return bool(waiting or asked)

  def _take(self, found) -> None:
    if isinstance(found, inbox_lib.RefusedError):
      self._refuse(found)
      return
    columns, label, sender = found
    identity = int(label.episode_id[0])
    source = str(inbox_lib.source_of(identity))
    if self._spools.setdefault(source, sender.spool) != sender.spool:
      return  # It sees on the board that another took its place.
    if not self._is_next(identity, sender.skipped):
      return
    self._writer.write(columns, label, arrival=self._arrival)
    self._count(label)
    self._note_received(identity)

  def _is_next(self, identity: int, skipped: int) -> bool:
    """Tells whether an episode comes in its turn.

    Its number is the next, or only such lie between as its source has not.
    """
    source = str(inbox_lib.source_of(identity))
    received = self._counters.received.get(source, 0)
    sequence = inbox_lib.sequence_of(identity)
    return sequence - skipped <= received <= sequence

  def _note_received(self, identity: int) -> None:
    source = str(inbox_lib.source_of(identity))
    self._counters.received[source] = inbox_lib.sequence_of(identity) + 1
    self._changed = True

  @property
  def _arrival(self) -> int:
    return self._counters.episodes + self._counters.demonstrations

  def _count(self, label: structs.EpisodeLabel) -> None:
    counters = self._counters
    # What a robot recorded is no practice of this run, whoever acted.
    if inbox_lib.source_of(int(label.episode_id[0])) == 0:
      counters.demonstrations += 1
      return
    counters.episodes += 1
    counters.steps += int(label.length[0])
    counters.successes += bool(label.success[0])

  def _refuse(self, error: inbox_lib.RefusedError) -> None:
    self._refused += 1
    self._changed = True
    # Those after it must not wait for it.
    identity = error.episode_id
    if identity is not None and self._is_next(identity, error.skipped):
      self._note_received(identity)
    self._say(f'replay: refused an episode: {files.first_line(error)}')

  def _answer(self, request: dict[str, Any] | None) -> None:
    """Saves the tables, or notes who delivers, as a request asks for it."""
    if request is not None and isinstance(request.get('deliver'), int):
      self._spools[str(request.get('source'))] = request['deliver']
      self._post()
      return
    folder = (request or {}).get('save')
    if request is None or not isinstance(folder, str):
      self._say(f'replay: refused a request: {request}')
      return
    if request.get('incarnation') != self._incarnation:
      self._say(f'replay: refused a request to one before it: {request}')
      return
    error = ''
    try:
      self._save(folder)
    except (OSError, RuntimeError, ValueError, IndexError) as caught:
      error = files.first_line(caught)
    self._saved = {'id': str(request.get('id')), 'error': error}
    self._post()

  def _save(self, folder: str) -> None:
    path = os.path.realpath(os.path.join(self._root_dir, folder))
    root = os.path.realpath(self._root_dir)
    if os.path.commonpath([root, path]) != root or path == root:
      raise ValueError(f'{folder} is outside of {root}; name one inside.')
    if path in self._pending:
      shutil.rmtree(path)  # Who asked gave it up, and asks anew.
    self._replay.save(path)
    with open(os.path.join(path, COUNTERS), 'w', encoding='utf-8') as file:
      json.dump(dataclasses.asdict(self._counters), file)
      file.flush()
      os.fsync(file.fileno())
    self._pending[path] = dict(self._counters.received)

  def _note_complete(self) -> None:
    """Learns which of the saved sets have become whole checkpoints."""
    for path, received in list(self._pending.items()):
      if os.path.isdir(path):
        continue  # The learner still writes beside it.
      del self._pending[path]
      part, name = os.path.split(path)
      whole = os.path.join(part.removesuffix('.part'), name)
      # A set that was given up may leave an earlier one of the same step.
      if os.path.isdir(whole) and read_counters(whole).received == received:
        self._durable, self._complete = self._complete, received
        self._changed = True

  def _post(self) -> None:
    self._board.post(
      {
        'run': self._run,
        'incarnation': self._incarnation,
        'spools': self._spools,
        **dataclasses.asdict(self._counters),
        'durable': self._durable,
        'saved': self._saved,
        'refused': self._refused,
        'sizes': self._sizes,
      }
    )
    self._posted_at = time.monotonic()
    self._changed = False

  def close(self) -> None:
    """Ends the stream to the tables."""
    self._writer.close()
