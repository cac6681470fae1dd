"""What the replay role tells all others, and what they ask of it."""

import json
import secrets
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import reverb
import tensorflow as tf

from awopt_agent.experience.wire import connection as connection_lib

__all__ = ['BOARD', 'REQUESTS', 'Board', 'BoardReader', 'make_tables']

BOARD = 'board'
REQUESTS = 'requests'
_MOST_REQUESTS = 100
_LOCAL_LIMIT_S = 30.0


def make_tables() -> list[reverb.Table]:
  """Makes the table of the board, and the queue of requests."""
  signature = {'json': tf.TensorSpec([None], tf.uint8, 'json')}
  return [
    reverb.Table(
      name=BOARD,
      sampler=reverb.selectors.Fifo(),
      remover=reverb.selectors.Fifo(),
      max_size=1,
      rate_limiter=reverb.rate_limiters.MinSize(1),
      signature=signature,
    ),
    reverb.Table.queue(REQUESTS, _MOST_REQUESTS, signature=signature),
  ]


class Board:
  """The replay role's side: posts, and takes requests."""

  def __init__(self, client: reverb.Client):
    """Takes a client of the server in this process."""
    self._client = client

  def post(self, record: dict[str, Any]) -> None:
    """Puts a record in the place of the one before."""
    connection_lib.put(
      self._client, BOARD, _encode(record), limit_s=_LOCAL_LIMIT_S
    )

  def take_requests(self, count: int) -> list[dict[str, Any] | None]:
    """Takes requests from the queue, which must hold as many.

    Returns:
      The requests; None for what is no JSON object.
    """
    if not count:
      return []
    items = connection_lib.take(self._client, REQUESTS, ['json'], count)
    return [_decode(item) for item in items]


class BoardReader:
  """Any other role's side: reads the newest record, and asks."""

  def __init__(
    self, connection: connection_lib.Connection, *, every_s: float = 0.5
  ):
    """Reads nothing yet.

    Args:
      connection: To the replay server.
      every_s: Age at which a record is read anew.
    """
    self._connection = connection
    self._every_s = every_s
    self._record: dict[str, Any] = {}
    self._read_at = -float('inf')

  def read(self, *, limit_s: float = 10.0) -> dict[str, Any]:
    """Returns a record of at most `every_s` seconds of age.

    Args:
      limit_s: Seconds.

    Raises:
      TimeoutError: If the server did not answer, or holds none.
    """
    if time.monotonic() - self._read_at <= self._every_s:
      return self._record
    return self.read_now(limit_s=limit_s)

  def read_now(self, *, limit_s: float = 10.0) -> dict[str, Any]:
    """Returns the newest record.

    Raises:
      TimeoutError: As `read`.
    """
    connection = self._connection
    connection.wait_for_item(
      BOARD, what='for the counters of the replay role', limit_s=limit_s
    )
    items = connection.call(
      lambda: connection_lib.take(connection.client, BOARD, ['json']),
      what='to read the counters of the replay role',
      table=BOARD,
      limit_s=limit_s,
    )
    record = _decode(items[0])
    if record is None:
      raise ValueError(
        f'the board of the replay server at {connection.address} holds no '
        'record; is it the replay role of this run?'
      )
    self._record, self._read_at = record, time.monotonic()
    return record

  def ask(self, request: dict[str, Any], *, limit_s: float) -> str:
    """Asks the replay role for something.

    Args:
      request: What JSON can hold.
      limit_s: Seconds until it must be in the queue.

    Returns:
      The request's id, which the answer on the board will have.

    Raises:
      TimeoutError: If the server does not answer.
    """
    identity = secrets.token_hex(8)
    connection = self._connection
    connection.call(
      lambda: connection_lib.put(
        connection.client,
        REQUESTS,
        _encode({**request, 'id': identity}),
        limit_s=limit_s,
      ),
      what=f'to ask for {request}',
      table=REQUESTS,
      limit_s=limit_s + 1,
    )
    return identity

  def wait_for(
    self,
    found: Callable[[dict[str, Any]], bool],
    *,
    what: str,
    limit_s: float,
  ) -> dict[str, Any]:
    """Waits for a record.

    Args:
      found: Tells whether a record is the one.
      what: What is waited for.
      limit_s: Seconds.

    Raises:
      TimeoutError: If it did not come.
    """
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
      self._connection.check()
      try:
        record = self.read_now(limit_s=2.0)
        if found(record):
          return record
      except TimeoutError:
        pass  # The replay role may be starting again.
      time.sleep(0.05)
    raise self._connection.timeout(what, BOARD, limit_s)


def _encode(record: dict[str, Any]) -> dict[str, np.ndarray]:
  text = json.dumps(record).encode()
  return {'json': np.frombuffer(text, np.uint8)}


def _decode(item: dict[str, np.ndarray]) -> dict[str, Any] | None:
  try:
    record = json.loads(np.asarray(item['json'], np.uint8).tobytes())
  # A stranger's may have no such column, or too many brackets.
  except (KeyError, RecursionError, ValueError):
    return None
  return record if isinstance(record, dict) else None
