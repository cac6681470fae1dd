"""Brings a collector's episodes into the replay, in order, each once."""

import threading
import time
from collections.abc import Callable

import numpy as np

from awopt_agent.experience.wire import board as board_lib
from awopt_agent.experience.wire import connection as connection_lib
from awopt_agent.experience.wire import inbox
from awopt_agent.train.roles import spool as spool_lib

__all__ = ['Delivery']

_IDLE_S = 0.1
_SEND_LIMIT_S = 10.0
_LOST_S = 30.0
# In one item: what a round of practice ends, or some with pictures.
_MOST_EPISODES = 16
_MOST_BYTES = 2**20


class Delivery:
  """Sends what the replay has not, and deletes what its disk has.

  The replay takes an episode only in its turn, so a server that starts again
  from its last checkpoint asks for what came after it by its counters alone.

  Attributes:
    received: Number of this source's episodes that the replay has.
    durable: Number of those that are in its newest checkpoint.
  """

  def __init__(
    self,
    spool: spool_lib.Spool,
    connection: connection_lib.Connection,
    board: board_lib.BoardReader,
    *,
    source: int,
  ):
    """Delivers nothing yet.

    Args:
      spool: Where the episodes are; another thread may add to it.
      connection: To the replay server.
      board: Of the replay server; for this object alone.
      source: Whose episodes these are.
    """
    self._spool = spool
    self._connection = connection
    self._board = board
    self._source = str(source)
    self._incarnation = ''
    self._next = 0
    self._in_place = False
    self.received = 0
    self.durable = 0
    self._stop = threading.Event()
    self._thread: threading.Thread | None = None
    self._failure: Exception | None = None
    self._answered_at = self._moved_at = time.monotonic()

  def turn(self) -> int:
    """Looks at the counters, and sends the next episodes if there are any.

    Returns:
      How many there were, of those that can be read or not.

    Raises:
      TimeoutError: If the replay server does not answer.
      ValueError: If it refuses the episode's columns.
    """
    self._note(self._board.read())
    number = self._spool.first_from(self._next)
    if not self._in_place or number is None:
      return 0
    episodes = self._read_from(number)
    if not episodes:
      return 1
    inbox.send(
      self._connection,
      episodes,
      limit_s=_SEND_LIMIT_S,
      sender=inbox.Sender(
        self._spool.missing_below(number), self._spool.identity
      ),
    )
    self._next = number + len(episodes)
    self._answered_at = time.monotonic()
    return len(episodes)

  def _read_from(self, number: int) -> list[dict[str, np.ndarray]]:
    """Returns the episodes of one item, before any that is damaged."""
    episodes: list[dict[str, np.ndarray]] = []
    size = 0
    while (
      self._spool.has(number + len(episodes))
      and len(episodes) < _MOST_EPISODES
      and size < _MOST_BYTES
    ):
      try:
        columns = self._spool.read(number + len(episodes))
      except spool_lib.DamagedError as error:
        print(f'collector: {error}', flush=True)
        break
      episodes.append(columns)
      size += sum(column.nbytes for column in columns.values())
    return episodes

  def _note(self, record) -> None:
    """Learns what the replay has."""
    self._spool.belong_to(record['run'])
    self._check_place(record)
    self._answered_at = time.monotonic()
    received = record['received'].get(self._source, 0)
    if received != self.received or received >= self._next:
      self._moved_at = self._answered_at
    self.received = received
    self.durable = record['durable'].get(self._source, 0)
    # What was sent to one that is gone, or was not taken, is sent again.
    lost = self._answered_at - self._moved_at > _LOST_S
    if lost or record['incarnation'] != self._incarnation:
      self._moved_at = self._answered_at
      self._incarnation = record['incarnation']
      self._next = self.received
      self._spool.go_on_from(self.received)
    self._spool.drop_below(self.durable)

  def begin(self, limit_s: float) -> None:
    """Waits for the replay's counters once, before the first episode.

    From here on it delivers in its source's name, and no other does.

    Raises:
      TimeoutError: If they did not come.
      ValueError: If the replay is that of another run.
    """
    record = self._board.read_now(limit_s=limit_s)
    self._spool.belong_to(record['run'])
    place = {'deliver': self._spool.identity, 'source': self._source}
    self._board.ask(place, limit_s=limit_s)
    self._note(record)

  def _check_place(self, record) -> None:
    holder = record['spools'].get(self._source, self._spool.identity)
    if holder == self._spool.identity:
      self._in_place = True
    elif self._in_place:
      raise ValueError(
        'another collector has begun to deliver in the place of this one '
        f'(--index {int(self._source) - 1}); give each an --index of its own.'
      )

  @property
  def unanswered_s(self) -> float:
    """Seconds since the replay last answered."""
    return time.monotonic() - self._answered_at

  @property
  def left(self) -> int:
    """Number of episodes that the replay has not."""
    return self._spool.count_from(self.received)

  def start(self) -> None:
    """Delivers in the background, and tries again where there is no answer."""
    self._thread = threading.Thread(target=self._run, daemon=True)
    self._thread.start()

  def _run(self) -> None:
    while not self._stop.is_set():
      try:
        if not self.turn():
          self._stop.wait(_IDLE_S)
      except TimeoutError:
        # What was sent may have come or not: the counters will tell.
        self._incarnation = ''
        self._stop.wait(_IDLE_S)
      except Exception as error:
        self._failure = error
        return

  def check(self) -> None:
    """Raises what went wrong in the background."""
    if self._failure is not None:
      raise self._failure

  def finish(
    self, limit_s: float, go_on: Callable[[], bool] = lambda: True
  ) -> int:
    """Waits until the replay has all, or the limit is over.

    Args:
      limit_s: Seconds.
      go_on: Asked all the time; False ends the wait.

    Returns:
      Number of episodes that it has not; they stay on disk.
    """
    end = time.monotonic() + limit_s
    while self.left > 0 and time.monotonic() < end and go_on():
      self.check()
      time.sleep(_IDLE_S)
    return self.left

  def close(self) -> None:
    """Ends the background's work."""
    self._stop.set()
    if self._thread is not None:
      self._thread.join(2 * _SEND_LIMIT_S)
